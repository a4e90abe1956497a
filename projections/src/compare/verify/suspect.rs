//! A reservation that differs between two generations, as it was read: what either side says, before it is explained.

use chrono::NaiveDate;

use super::fields::{Fields, said};
use crate::projection::canonical::CanonicalReservation;

/// Differences that are told one by one, at most; all are counted.
pub const MAX_DIFFERENCES: usize = 20;

/// A reservation that was found to differ.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) reservation: String,
    /// Its day, and the day of the other side where that has another.
    pub(super) dates: (NaiveDate, NaiveDate),
    pub(super) fields: [Option<Fields>; 2],
}

impl Suspect {
    pub(super) fn of(facts: &[Option<CanonicalReservation<'_>>; 2]) -> Option<Self> {
        let first = facts.iter().flatten().next()?;
        let last = facts.iter().flatten().last()?;
        Some(Self {
            reservation: first.id.to_owned(),
            dates: (first.date, last.date),
            fields: facts.each_ref().map(|fact| fact.as_ref().map(CanonicalReservation::fields)),
        })
    }

    /// What one side says of a field.
    pub(super) fn said(&self, side: usize, name: &str) -> &str {
        said(self.fields[side].as_ref(), name)
    }
}
