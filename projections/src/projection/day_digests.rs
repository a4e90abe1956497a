//! Digests by clinic day: how many reservations a day has and the sum of their hashes. They are kept up row by row, and tell
//! whether two views hold the same without a look at their rows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::projection::canonical::Digest;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;

/// A day's reservations: how many and the sum of their facts' hashes. As a change, either may be negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayDigest {
    /// How many reservations.
    pub reservations: i64,
    /// Sum of their hashes.
    pub digest: Digest,
}

/// Digests by day, of rows or of a change to them.
pub type DayDigests = BTreeMap<NaiveDate, DayDigest>;

/// Adds a row's fact to its day.
pub(crate) fn add<R: ReservationRow>(days: &mut DayDigests, row: &R, reference: &Reference) {
    let day = days.entry(row.date()).or_default();
    day.reservations += 1;
    day.digest = day.digest.with(row.fact(reference).hash());
}

/// Takes a row out of its day.
pub(crate) fn remove<R: ReservationRow>(days: &mut DayDigests, row: &R, reference: &Reference) {
    let day = days.entry(row.date()).or_default();
    day.reservations -= 1;
    day.digest = day.digest.without(row.fact(reference).hash());
}

/// Reservations of all days.
pub fn reservations(days: &DayDigests) -> u64 {
    days.values().map(|day| day.reservations.unsigned_abs()).sum()
}

/// Digest of all days.
pub fn total(days: &DayDigests) -> Digest {
    days.values().fold(Digest::EMPTY, |sum, day| sum.with(day.digest))
}

/// Days that are in either.
pub(crate) fn union(days: [&DayDigests; 2]) -> BTreeSet<NaiveDate> {
    days.into_iter().flat_map(|days| days.keys().copied()).collect()
}

/// Days that are not the same in both.
pub fn differing_days(days: [&DayDigests; 2]) -> Vec<NaiveDate> {
    let [left, right] = days;
    union(days).into_iter().filter(|day| left.get(day) != right.get(day)).collect()
}
