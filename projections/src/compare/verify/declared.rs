//! What both views cannot say alike. It is no difference: it is declared, and counted by kind.

use serde::Serialize;

use crate::projection::reference::Reference;
use crate::projection::row::dynamic::DynamicRow;

/// Rows by what the enum view can say of them. One without a time may be of a service without an enum value as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// Rows of which both views say everything.
    pub exact: u64,
    /// Rows of a service for which the enum has no value: the legacy view shows them as its other consultation.
    pub service_without_enum_value: u64,
    /// Rows of which only the half of the day is known.
    pub period_without_time: u64,
    /// Rows whose wish for a time was not understood and awaits review.
    pub time_under_review: u64,
}

impl Declared {
    /// The kinds of what cannot be said alike of which there are any rows, by the names that JSON has for them.
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
