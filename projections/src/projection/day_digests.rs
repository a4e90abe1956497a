//! Digests by clinic day: the number of reservations and the sum of their hashes. They are updated row by row and show
//! whether two views are equal without reading their rows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::projection::canonical::Digest;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;

/// A day's number of reservations and the sum of their hashes. In a difference of two, either may be negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayDigest {
    pub reservations: i64,
    /// Sum of their hashes.
    pub digest: Digest,
}

/// Digests by day, of rows or of a change to them.
pub type DayDigests = BTreeMap<NaiveDate, DayDigest>;

/// Adds a row to its day.
pub(crate) fn add<R: ReservationRow>(days: &mut DayDigests, row: &R, reference: &Reference) {
    let day = days.entry(row.date()).or_default();
    day.reservations += 1;
    day.digest = day.digest.with(row.canonical(reference).hash());
}

/// Subtracts a row from its day.
pub(crate) fn remove<R: ReservationRow>(days: &mut DayDigests, row: &R, reference: &Reference) {
    let day = days.entry(row.date()).or_default();
    day.reservations -= 1;
    day.digest = day.digest.without(row.canonical(reference).hash());
}

/// Reservations on all days.
pub fn reservations(days: &DayDigests) -> u64 {
    days.values().map(|day| day.reservations.unsigned_abs()).sum()
}

/// Sum of all days' digests.
pub fn total(days: &DayDigests) -> Digest {
    days.values().fold(Digest::EMPTY, |sum, day| sum.with(day.digest))
}

/// Days that either has.
pub(crate) fn union(days: [&DayDigests; 2]) -> BTreeSet<NaiveDate> {
    days.into_iter().flat_map(|days| days.keys().copied()).collect()
}

/// Days that differ.
pub fn differing_days(days: [&DayDigests; 2]) -> Vec<NaiveDate> {
    let [left, right] = days;
    union(days).into_iter().filter(|day| left.get(day) != right.get(day)).collect()
}
