//! The region whose numbers are written without a calling code: a two-letter country code.

use std::fmt;
use std::str::FromStr;

use phonenumber::country::{self, Id};
use phonenumber::metadata::DATABASE;

/// A country or territory with a numbering plan.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region(Id);

/// The text is not a region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a region with phone numbers; use a country code of two letters such as KR")]
pub struct UnknownRegion(String);

impl Region {
    /// Loads the numbering plans, which takes a tenth of a second once in a process.
    pub fn load() {
        Self::default().calling_code();
    }

    pub(super) const fn id(self) -> Id {
        self.0
    }

    /// The calling code: 82 for Korea.
    pub(super) fn calling_code(self) -> u16 {
        DATABASE.by_id(self.0.as_ref()).map_or(0, |plan| plan.country_code())
    }

    pub(super) fn is_korea(self) -> bool {
        self.0 == country::KR
    }

    /// The main region of a calling code.
    pub(super) fn of_calling_code(code: u16) -> Option<Self> {
        DATABASE.region(&code)?.first()?.parse().map(Self).ok()
    }

    /// What may follow the prefix that is dialled before another calling code, most usual prefix first. In Korea every
    /// carrier has its own: 00d, 003dd and 007dd. `00` alone comes first, because a number may have been written with it.
    pub(super) fn without_international_prefix(self, digits: &str) -> impl Iterator<Item = &str> {
        let (prefixes, carriers): (&[&str], &[&str]) = match self.calling_code() {
            1 => (&["011"], &[]),
            61 => (&["0011"], &[]),
            81 => (&["010"], &[]),
            82 => (&["00", "001", "002", "005", "006", "008", "009"], &["003", "007"]),
            _ => (&["00"], &[]),
        };
        let plain = prefixes.iter().filter_map(|prefix| digits.strip_prefix(prefix));
        let of_carriers = carriers.iter().filter_map(|prefix| digits.strip_prefix(prefix)?.get(2..));
        plain.chain(of_carriers)
    }

    /// What is dialled before a number within the region: 0 in Korea, nothing in some regions.
    pub(super) fn trunk_prefix(self) -> &'static str {
        DATABASE.by_id(self.0.as_ref()).and_then(|plan| plan.national_prefix()).unwrap_or_default()
    }
}

impl Default for Region {
    fn default() -> Self {
        Self(country::KR)
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        text.to_ascii_uppercase().parse().map(Self).map_err(|_| UnknownRegion(text.to_owned()))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_ref())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
