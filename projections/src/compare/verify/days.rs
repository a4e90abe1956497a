//! A list of clinic days in a report: all counted, the first of them named.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Serialize;

/// Days that are named, at most; all are counted.
pub const MAX_DAYS: usize = 20;

/// Clinic days: all counted, the first of them named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Days {
    /// How many there are.
    pub total: u64,
    /// The earliest of them, [`MAX_DAYS`] at most.
    pub first: Vec<NaiveDate>,
}

impl Days {
    pub(super) fn of(days: impl IntoIterator<Item = NaiveDate>) -> Self {
        let days: BTreeSet<NaiveDate> = days.into_iter().collect();
        Self { total: days.len() as u64, first: days.into_iter().take(MAX_DAYS).collect() }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }
}
