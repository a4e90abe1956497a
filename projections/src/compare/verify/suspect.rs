//! A reservation that differs between two generations, before its difference is explained.

use chrono::NaiveDate;

use super::fields::{Fields, value_of};
use crate::projection::canonical::CanonicalReservation;

/// Most differences that are reported one by one; all are counted.
pub const MAX_DIFFERENCES: usize = 20;

/// A reservation that differs.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) reservation: String,
    /// Its day, and its day in the other generation if that differs.
    pub(super) dates: (NaiveDate, NaiveDate),
    pub(super) fields: [Option<Fields>; 2],
}

impl Suspect {
    pub(super) fn from_pair(canonical_pair: &[Option<CanonicalReservation<'_>>; 2]) -> Option<Self> {
        let first = canonical_pair.iter().flatten().next()?;
        let last = canonical_pair.iter().flatten().last()?;
        Some(Self {
            reservation: first.id.to_owned(),
            dates: (first.date, last.date),
            fields: canonical_pair
                .each_ref()
                .map(|canonical| canonical.as_ref().map(CanonicalReservation::fields)),
        })
    }

    /// One generation's value of a field.
    pub(super) fn value(&self, side: usize, name: &str) -> &str {
        value_of(self.fields[side].as_ref(), name)
    }
}
