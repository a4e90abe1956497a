//! What a comparison found, as it is told.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use daybook_event_log::Position;
use serde::Serialize;

use super::recount::Found;
use super::side::Sides;
use super::{Declared, Difference, MAX_DAYS};
use crate::control::generation::Generation;
use crate::projection::canonical::{Digest, FOLD_VERSION};
use crate::store::rows::DayDigests;

/// How thoroughly two generations are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By all rows of both; the digests that are kept of every day are checked as well.
    #[default]
    Full,
    /// By the digests that are kept of every day; rows are read only of days that differ.
    Quick,
}

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

/// What a comparison found.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// How thoroughly it was made.
    pub mode: Mode,
    /// The position at which both were read.
    pub position: Position,
    /// The generations that were compared.
    pub generations: Vec<Generation>,
    /// Reservations in each, by generation.
    pub reservations: BTreeMap<String, u64>,
    /// Digest of each one's facts, by generation.
    pub digests: BTreeMap<String, Digest>,
    /// Version of the rules by which rows were reduced.
    pub rules_version: u32,
    /// Days that either of them has a reservation on.
    pub days_compared: u64,
    /// Days on which they differ.
    pub differing_days: Days,
    /// Days whose kept digest, in either, is not that of the rows. A quick comparison finds it only on days that differ.
    pub wrong_digests: Days,
    /// Reservations that differ or are in one of them only.
    pub differing: u64,
    /// The first of them, [`super::MAX_DIFFERENCES`] at most.
    pub differences: Vec<Difference>,
    /// What both views cannot say alike, where both were compared and all rows were read.
    pub declared: Option<Declared>,
}

impl Verdict {
    pub(super) fn of(sides: &Sides, mode: Mode, found: &Found, differences: Vec<Difference>) -> Self {
        let days = found.days.each_ref();
        Self {
            mode,
            position: sides.position,
            generations: sides.generations.to_vec(),
            reservations: by_name(sides, days.map(reservations)),
            digests: by_name(sides, days.map(total)),
            rules_version: FOLD_VERSION,
            days_compared: union(days).len() as u64,
            differing_days: Days::of(differing_days(days)),
            wrong_digests: found.wrong_digests.clone(),
            differing: found.differing,
            differences,
            declared: found.declared,
        }
    }

    /// Whether both say the same.
    pub const fn agrees(&self) -> bool {
        self.differing == 0 && self.differing_days.is_empty() && self.wrong_digests.is_empty()
    }
}

fn by_name<T>(sides: &Sides, values: [T; 2]) -> BTreeMap<String, T> {
    sides.generations.iter().map(Generation::to_string).zip(values).collect()
}

/// Reservations of all days.
pub(super) fn reservations(days: &DayDigests) -> u64 {
    days.values().map(|day| day.reservations.unsigned_abs()).sum()
}

/// Digest of all days.
pub(super) fn total(days: &DayDigests) -> Digest {
    days.values().fold(Digest::EMPTY, |sum, day| sum.with(day.digest))
}

fn union(days: [&DayDigests; 2]) -> BTreeSet<NaiveDate> {
    days.into_iter().flat_map(|days| days.keys().copied()).collect()
}

/// Days that are not the same in both.
pub fn differing_days(days: [&DayDigests; 2]) -> Vec<NaiveDate> {
    let [left, right] = days;
    union(days).into_iter().filter(|day| left.get(day) != right.get(day)).collect()
}
