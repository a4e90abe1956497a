//! What a comparison found, as it is told.

use std::collections::BTreeMap;

use daybook_event_log::Position;
use serde::Serialize;

use super::days::Days;
use super::declared::Declared;
use super::difference::Difference;
use super::recount::Found;
use super::side::Sides;
use crate::control::ids::{FOLD_VERSION, Generation};
use crate::projection::canonical::Digest;
use crate::projection::day_digests::{differing_days, reservations, total, union};

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
