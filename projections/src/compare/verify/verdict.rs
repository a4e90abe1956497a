//! The result of a comparison as it is reported.

use std::collections::BTreeMap;

use daybook_event_log::Position;
use serde::Serialize;

use super::alignment::ComparedPair;
use super::days::Days;
use super::declared::Declared;
use super::difference::Difference;
use super::row_comparison::RowComparison;
use crate::control::ids::{FOLD_VERSION, Generation};
use crate::live::parked::BlockedGroup;
use crate::projection::canonical::Digest;
use crate::projection::day_digests::{differing_days, reservations, total, union};

/// How thoroughly two generations are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All rows of both, which also checks the stored digests of each day.
    #[default]
    Full,
    /// The stored digests of each day. Rows are read only of days that differ.
    Quick,
}

/// The result of a comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// How thoroughly the generations were compared.
    pub mode: Mode,
    /// The position of both generations.
    pub position: Position,
    /// The generations that were compared.
    pub generations: Vec<Generation>,
    pub reservations: BTreeMap<String, u64>,
    /// Digest of all canonical reservations by generation.
    pub digests: BTreeMap<String, Digest>,
    pub rules_version: u32,
    /// Days with a reservation in either generation.
    pub days_compared: u64,
    /// Days on which they differ.
    pub differing_days: Days,
    /// Days whose stored digest does not match the rows in one of the generations. A quick comparison finds this only
    /// on days that differ.
    pub wrong_digests: Days,
    /// Reservations that differ or exist in one generation only.
    pub differing: u64,
    /// The first of them, at most [`super::MAX_DIFFERENCES`].
    pub differences: Vec<Difference>,
    /// Declared differences, if all rows of both views were compared.
    pub declared: Option<Declared>,
    /// What the two generations lack, because an event cannot be applied. Both may lack the same and so agree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<BlockedGroup>,
}

impl Verdict {
    pub(super) fn new(
        sides: &ComparedPair,
        mode: Mode,
        found: &RowComparison,
        differences: Vec<Difference>,
        parked: Vec<BlockedGroup>,
    ) -> Self {
        let days = found.days.each_ref();
        Self {
            mode,
            position: sides.position,
            generations: sides.generations.to_vec(),
            reservations: by_name(sides, days.map(reservations)),
            digests: by_name(sides, days.map(total)),
            rules_version: FOLD_VERSION,
            days_compared: union(days).len() as u64,
            differing_days: Days::from_dates(differing_days(days)),
            wrong_digests: found.wrong_digests.clone(),
            differing: found.differing,
            differences,
            declared: found.declared,
            parked,
        }
    }

    /// Whether both generations match.
    pub const fn agrees(&self) -> bool {
        self.differing == 0 && self.differing_days.is_empty() && self.wrong_digests.is_empty()
    }
}

fn by_name<T>(sides: &ComparedPair, values: [T; 2]) -> BTreeMap<String, T> {
    sides.generations.iter().map(Generation::to_string).zip(values).collect()
}
