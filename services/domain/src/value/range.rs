//! A range in words. User-facing texts in other languages are made from its parts.

use std::fmt;

use super::{Dates, Lines, Moments, Numbers, Text};

/// The allowed values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    Numbers(Numbers),
    Dates(Dates),
    Moments(Moments),
    Text(Text),
    /// A text of some ASCII characters only.
    Word {
        min: usize,
        max: usize,
        characters: &'static str,
    },
    /// A start of a treatment.
    Starts,
    /// A percentage of the rollout.
    Percentage,
    Relation(Relation),
}

/// A value that another one limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// A span ends after it starts.
    LaterThanStart,
    /// The last date is not before the first one.
    NotBeforeFirstDate,
    /// A row belongs to the day that it is imported for.
    OwnDay,
    /// The views join a service by its id, and name it by its old value.
    KnownService,
    /// One of the six services of the old system.
    OldService,
    /// Only a time text that could not be read is reviewed.
    Reviewable,
    /// An order has all services, each at one place.
    EachServiceOnce,
    /// A list starts at a page or at a cursor.
    NoCursor,
    /// A cursor comes from a list.
    NextCursor,
    /// A reason belongs to the changes whose events hold one.
    HoldsReason,
    /// A moment has passed.
    NotInFuture,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Minutes,
    Won,
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers(Numbers { min, max, unit }) => {
                let unit = match unit {
                    Unit::Count => "",
                    Unit::Minutes => " minutes",
                    Unit::Won => " won",
                };
                write!(formatter, "{min} to {max}{unit}")
            }
            Self::Dates(Dates { first, last }) => write!(formatter, "{first} to {last}"),
            Self::Moments(Moments { first, last }) => {
                write!(formatter, "{first} 00:00:00 to {last} 23:59:59.999999 UTC, no leap second")
            }
            Self::Text(Text { min, max, lines }) => {
                let lines = match lines {
                    Lines::One => "on one line",
                    Lines::Many => "on any number of lines",
                };
                write!(formatter, "{min} to {max} visible characters {lines}")
            }
            Self::Word { min, max, characters } => {
                write!(formatter, "{min} to {max} characters of {characters}")
            }
            Self::Starts => formatter.write_str("00:00 to 23:59"),
            Self::Percentage => formatter.write_str("0 to 100 in steps of 0.01"),
            Self::Relation(relation) => formatter.write_str(match relation {
                Relation::LaterThanStart => "later than the start",
                Relation::NotBeforeFirstDate => "not before effectiveFrom",
                Relation::OwnDay => "the day of the schedule",
                Relation::KnownService => "a service of the catalog with its old value",
                Relation::OldService => "a service of the old system",
                Relation::Reviewable => "only a time text that could not be read can be reviewed",
                Relation::EachServiceOnce => "each service exactly once",
                Relation::NoCursor => "only without a cursor",
                Relation::NextCursor => "the nextCursor of a list",
                Relation::HoldsReason => "only for a rejection, a cancellation or a correction",
                Relation::NotInFuture => "not later than now",
            }),
        }
    }
}
