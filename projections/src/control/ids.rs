//! The values that every layer shares: generations and their states, epochs, event places, blocking keys and the fold
//! version. Only values belong here, no SQL and no rule.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use daybook_domain::ReadModel;
use daybook_event_log::{Position, Revision, StreamName};
use serde::{Deserialize, Serialize};

/// Version of the rules that fold events into rows and reduce rows to canonical reservations. Digests of different
/// versions cannot be compared. A test checks the golden histories against the recorded result of this version.
pub const FOLD_VERSION: u32 = 1;

/// One generation of one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation {
    pub model: ReadModel,
    /// Its number, from 1. Numbers are never reused.
    pub number: i32,
}

impl Generation {
    /// The schema of its tables. It consists of a fixed word and a number, so it is safe to put into SQL.
    pub fn schema(self) -> String {
        format!("{}_{}", self.model, self.number)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.schema())
    }
}

/// The text is not a generation's name.
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

/// The state of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationState {
    /// It is being built; nobody reads it.
    Building,
    /// It answers reads and is kept up to date.
    Live,
    /// It was live and is kept for a while, unchanged.
    Kept,
    /// It shows a view as of a point in time. It is never live.
    Past,
    Failed,
}

impl GenerationState {
    const ALL: [Self; 5] = [Self::Building, Self::Live, Self::Kept, Self::Past, Self::Failed];

    /// Parses the value in `control.generations`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// The value in `control.generations`.
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

/// The number of a leadership. Each new leader has a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Epoch(i64);

impl Epoch {
    /// From the value in the control tables.
    pub(crate) const fn from_sql(number: i64) -> Self {
        Self(number)
    }

    /// The value in the control tables.
    pub(crate) const fn to_sql(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a parked event blocks: the id of a reservation or a closure, the name of a stream, or the event itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct BlockingKey(Box<str>);

impl BlockingKey {
    /// From the text that `daybook projection parked list` shows.
    pub fn named(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of a whole stream.
    pub(crate) fn stream(stream: &StreamName) -> Self {
        Self::named(stream.as_str())
    }

    /// The key of a single event.
    pub(crate) fn event(stream: &StreamName, revision: Revision) -> Self {
        Self::named(format!("{stream}@{revision}"))
    }
}

impl fmt::Display for BlockingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An event's place in its stream, which is the same in every copy of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPlace {
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its revision in that stream.
    pub revision: Revision,
}

/// Positions of events that a view leaves out.
pub type SkippedPositions = HashSet<Position>;
