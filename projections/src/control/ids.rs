//! The values by which all of this crate names things: generations and their states, epochs, places of events, the keys by
//! which parked events block later ones, and the version of the fold. Only values: no SQL and no behaviour belong here.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use daybook_domain::ReadModel;
use daybook_event_log::{Position, Revision, StreamName};
use serde::{Deserialize, Serialize};

/// Version of the rules by which events are folded into rows and rows are reduced. Digests of different versions say
/// nothing about each other. A test holds what golden histories fold into against what it was at this version.
pub const FOLD_VERSION: u32 = 1;

/// One generation of one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation {
    /// Which view.
    pub model: ReadModel,
    /// Its number, from 1; numbers are never used again.
    pub number: i32,
}

impl Generation {
    /// The schema that holds its tables. Made of a fixed word and a number, so it can stand in SQL as it is.
    pub fn schema(self) -> String {
        format!("{}_{}", self.model, self.number)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.schema())
    }
}

/// The text names no generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a generation is named like legacy_3 or dynamic_12")]
pub struct InvalidGeneration;

impl FromStr for Generation {
    type Err = InvalidGeneration;

    fn from_str(text: &str) -> Result<Self, InvalidGeneration> {
        let (model, number) = text.rsplit_once('_').ok_or(InvalidGeneration)?;
        let model = model.parse().map_err(|_| InvalidGeneration)?;
        let number = number.parse().ok().filter(|number| *number > 0).ok_or(InvalidGeneration)?;
        Ok(Self { model, number })
    }
}

impl Serialize for Generation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Generation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a generation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationState {
    /// It is being built; nobody reads it.
    Building,
    /// It answers reads and is kept up.
    Live,
    /// It answered reads once and is kept for a while as it was.
    Kept,
    /// It holds the past up to a moment, for whoever wants to look; it never serves.
    Past,
    /// Its rebuild did not come to its end.
    Failed,
}

impl GenerationState {
    const ALL: [Self; 5] = [Self::Building, Self::Live, Self::Kept, Self::Past, Self::Failed];

    /// Reads what `control.generations` holds.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// As `control.generations` holds it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Kept => "kept",
            Self::Past => "past",
            Self::Failed => "failed",
        }
    }
}

/// The number of a leadership: each new leader's is higher than all before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Epoch(i64);

impl Epoch {
    /// Reads what the control tables hold.
    pub(crate) const fn from_sql(number: i64) -> Self {
        Self(number)
    }

    /// As the control tables hold it.
    pub(crate) const fn to_sql(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What is held up: the id of a reservation or a closure, the name of a stream, or an event's own place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct BlockingKey(Box<str>);

impl BlockingKey {
    /// Takes the name by which `daybook projection parked list` shows it.
    pub fn named(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }

    /// The name by which it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A whole stream.
    pub(crate) fn stream(stream: &StreamName) -> Self {
        Self::named(stream.as_str())
    }

    /// An event alone.
    pub(crate) fn event(stream: &StreamName, revision: Revision) -> Self {
        Self::named(format!("{stream}@{revision}"))
    }
}

impl fmt::Display for BlockingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where an event stands, in whatever log the history is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in that stream.
    pub revision: Revision,
}

/// Positions of events that a view goes on without.
pub type LeftOut = HashSet<Position>;
