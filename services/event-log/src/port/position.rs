//! Where an event is: its revision in its stream, and its position in the log.
//!
//! Positions are compared, stored and shown, but never used in arithmetic: only an adapter knows what lies
//! between two of them.

use std::fmt;
use std::str::FromStr;

use daybook_domain::routing::LogPlace;
use serde::{Deserialize, Serialize};

/// An event's place in its stream, from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Revision(u64);

/// The number is not a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a revision is a number from 0 to {max}", max = i64::MAX)]
pub struct InvalidRevision;

impl Revision {
    /// The first event of a stream.
    pub const FIRST: Self = Self(0);

    /// Accepts numbers that fit a signed 64-bit column.
    pub const fn new(number: u64) -> Result<Self, InvalidRevision> {
        if number <= i64::MAX as u64 { Ok(Self(number)) } else { Err(InvalidRevision) }
    }

    /// From 0.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// For a signed 64-bit column.
    pub const fn as_i64(self) -> i64 {
        self.0 as i64
    }

    /// The following revision. The highest possible revision is returned unchanged.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The revision this many events later, at most the highest possible one.
    #[must_use]
    pub const fn plus(self, events: u64) -> Self {
        let sum = self.0.saturating_add(events);
        Self(if sum > i64::MAX as u64 { i64::MAX as u64 } else { sum })
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl TryFrom<u64> for Revision {
    type Error = InvalidRevision;

    fn try_from(number: u64) -> Result<Self, InvalidRevision> {
        Self::new(number)
    }
}

impl TryFrom<i64> for Revision {
    type Error = InvalidRevision;

    fn try_from(number: i64) -> Result<Self, InvalidRevision> {
        u64::try_from(number).map(Self).map_err(|_| InvalidRevision)
    }
}

impl From<Revision> for u64 {
    fn from(revision: Revision) -> Self {
        revision.0
    }
}

/// An event's place in the order of the whole log. Positions have gaps.
///
/// Written as `1234`, or as `1234.1230` if a log distinguishes the place of the commit from that of the
/// event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position {
    commit: u64,
    prepare: u64,
}

/// The text or number is not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a position is a number such as 1234, or two such as 1234.1230, none above {max}", max = i64::MAX)]
pub struct InvalidPosition;

impl From<Position> for LogPlace {
    fn from(position: Position) -> Self {
        let (commit, prepare) = position.to_parts();
        Self { commit, prepare }
    }
}

impl TryFrom<LogPlace> for Position {
    type Error = InvalidPosition;

    fn try_from(place: LogPlace) -> Result<Self, InvalidPosition> {
        Self::from_parts(place.commit, place.prepare)
    }
}

impl Position {
    /// Before the first event.
    pub const START: Self = Self { commit: 0, prepare: 0 };

    /// Accepts numbers that fit signed 64-bit columns.
    pub const fn new(commit: u64, prepare: u64) -> Result<Self, InvalidPosition> {
        let most = i64::MAX as u64;
        if commit <= most && prepare <= most { Ok(Self { commit, prepare }) } else { Err(InvalidPosition) }
    }

    /// A position from two columns: commit, prepare.
    pub fn from_parts(commit: i64, prepare: i64) -> Result<Self, InvalidPosition> {
        match (u64::try_from(commit), u64::try_from(prepare)) {
            (Ok(commit), Ok(prepare)) => Ok(Self { commit, prepare }),
            (Ok(_) | Err(_), _) => Err(InvalidPosition),
        }
    }

    /// Two columns: commit, prepare. In this order they compare as positions do.
    pub const fn to_parts(self) -> (i64, i64) {
        (self.commit as i64, self.prepare as i64)
    }

    /// Place of the commit.
    pub const fn commit(self) -> u64 {
        self.commit
    }

    /// Place of the event.
    pub const fn prepare(self) -> u64 {
        self.prepare
    }
}

impl Default for Position {
    fn default() -> Self {
        Self::START
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prepare == self.commit {
            return fmt::Display::fmt(&self.commit, formatter);
        }
        write!(formatter, "{}.{}", self.commit, self.prepare)
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (commit, prepare) = text.split_once('.').unwrap_or((text, text));
        Self::new(number(commit)?, number(prepare)?)
    }
}

/// Accepts digits only: the standard parser also accepts a plus sign.
fn number(text: &str) -> Result<u64, InvalidPosition> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidPosition);
    }
    text.parse().map_err(|_| InvalidPosition)
}

impl TryFrom<String> for Position {
    type Error = InvalidPosition;

    fn try_from(text: String) -> Result<Self, InvalidPosition> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_position_parses_from_its_own_text() {
        for (commit, prepare, text) in [(0, 0, "0"), (1234, 1234, "1234"), (1234, 1230, "1234.1230")] {
            let position = Position::new(commit, prepare).unwrap();
            assert_eq!(position.to_string(), text);
            assert_eq!(text.parse(), Ok(position));
            let (commit, prepare) = position.to_parts();
            assert_eq!(Position::from_parts(commit, prepare), Ok(position));
        }
    }

    #[test]
    fn texts_that_are_not_positions_are_refused() {
        for text in ["", "-1", "+1", "1.", ".1", "1.2.3", "9223372036854775808", "x"] {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text:?}");
        }
        assert_eq!(Position::from_parts(-1, 0), Err(InvalidPosition));
    }

    #[test]
    fn positions_order_by_commit_then_by_prepare() {
        let at = |commit, prepare| Position::new(commit, prepare).unwrap();
        assert!(Position::START < at(9, 1) && at(9, 1) < at(9, 2) && at(9, 9) < at(10, 1));
    }
}
