//! A list of clinic days in a report: all are counted, the first ones listed.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Serialize;

/// Most days that are listed.
pub const MAX_DAYS: usize = 20;

/// Clinic days: all are counted, the first ones listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Days {
    /// Number of days.
    pub total: u64,
    /// The earliest days, at most [`MAX_DAYS`].
    pub first: Vec<NaiveDate>,
}

impl Days {
    pub(super) fn from_dates(days: impl IntoIterator<Item = NaiveDate>) -> Self {
        let days: BTreeSet<NaiveDate> = days.into_iter().collect();
        Self { total: days.len() as u64, first: days.into_iter().take(MAX_DAYS).collect() }
    }

    /// Whether there are no days.
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }
}
