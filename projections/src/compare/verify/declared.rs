//! Declared differences: what the two views cannot represent alike. They are not faults and are counted by kind.

use serde::Serialize;

use crate::projection::reference::Reference;
use crate::projection::row::dynamic::DynamicRow;

/// Rows by what the enum view can represent. A row without a time may also belong to a service without an enum value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// Rows that both views represent fully.
    pub exact: u64,
    /// Rows of a service without an enum value. The legacy view shows them as "other consultation".
    pub service_without_enum_value: u64,
    /// Rows with only a half of the day.
    pub period_without_time: u64,
    /// Rows whose requested time could not be read and awaits review.
    pub time_under_review: u64,
}

impl Declared {
    /// The kinds of declared differences that occur, by their JSON names.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let kinds = [
            ("service_without_enum_value", self.service_without_enum_value),
            ("period_without_time", self.period_without_time),
            ("time_under_review", self.time_under_review),
        ];
        kinds.into_iter().filter(|(_, rows)| *rows > 0)
    }

    pub(super) fn count(&mut self, row: &DynamicRow, reference: &Reference) {
        let has_value = reference.legacy_value(&row.service_id).is_some();
        self.service_without_enum_value += u64::from(!has_value);
        match (&row.time_slot_start, &row.period) {
            (Some(_), _) => self.exact += u64::from(has_value),
            (None, Some(_)) => self.period_without_time += 1,
            (None, None) => self.time_under_review += 1,
        }
    }
}
