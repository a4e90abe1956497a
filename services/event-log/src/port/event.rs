//! Events as a log sees them: an id, a type name, and bytes it never looks into.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{AppendError, InvalidAppend};
use super::position::{Position, Revision};
use super::stream::StreamName;
use super::{MAX_APPEND_BYTES, MAX_APPEND_EVENTS};

/// One event's id for ever. The writer chooses it; a retry uses the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// The name of an event type as logs store it, such as `ReservationRequested`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(&'static str);

impl EventType {
    /// Names an event type. Names of the product are in the codec's table; others are for tests of a log.
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// The name as it is stored.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// An event that is to be appended.
#[derive(Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its id for ever.
    pub id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// What it says, JSON without white space around it.
    pub payload: Bytes,
    /// What is known about it, JSON without white space around it.
    pub metadata: Bytes,
}

impl NewEvent {
    /// Bytes of payload and metadata, which is what limits count.
    pub fn size_bytes(&self) -> usize {
        self.payload.len() + self.metadata.len()
    }
}

impl fmt::Debug for NewEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NewEvent({} {})", self.event_type, self.id)
    }
}

/// An event of the log.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its place in the order over all streams.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in that stream.
    pub revision: Revision,
    /// Its id for ever.
    pub id: EventId,
    /// Its type as it is stored; one that this release does not know is kept as it is.
    pub event_type: Arc<str>,
    /// What it says, JSON.
    pub payload: Bytes,
    /// What is known about it, JSON.
    pub metadata: Bytes,
}

impl fmt::Debug for RecordedEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, stream, revision, event_type, .. } = self;
        write!(formatter, "Recorded({position} {stream}@{revision} {event_type})")
    }
}

/// Where a stream has to end for an append to hold. There is no "anywhere": it could not be idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expected {
    /// The stream does not exist.
    NoStream,
    /// The stream's last event has this revision.
    Exact(Revision),
}

impl Expected {
    /// What to expect of a stream whose last revision is known.
    pub fn after(last: Option<Revision>) -> Self {
        last.map_or(Self::NoStream, Self::Exact)
    }

    /// The last revision that is expected, none where the stream is not to exist.
    pub const fn last(self) -> Option<Revision> {
        match self {
            Self::NoStream => None,
            Self::Exact(revision) => Some(revision),
        }
    }

    /// The revision that the first appended event gets.
    pub fn first_revision(self) -> Revision {
        self.last().map_or(Revision::FIRST, Revision::next)
    }

    /// Judges an append of so many events to a stream that ends at `last`. The rule of every adapter that keeps its
    /// streams itself.
    pub fn check(self, events: usize, last: Option<Revision>) -> AppendCheck {
        if self.last() == last {
            return AppendCheck::AtEnd;
        }
        let end = self.first_revision().plus(events.saturating_sub(1) as u64);
        if last.is_some_and(|last| end <= last) { AppendCheck::PerhapsAlready } else { AppendCheck::Conflict }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStream => formatter.write_str("not to exist"),
            Self::Exact(revision) => write!(formatter, "to end at revision {revision}"),
        }
    }
}

/// How an append fits its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendCheck {
    /// It goes on where the stream ends.
    AtEnd,
    /// The stream is longer already: the append stands if the events at its place have its ids, else it conflicts.
    PerhapsAlready,
    /// It can neither go on nor stand already.
    Conflict,
}

/// Where an append now stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Position of its last event.
    pub position: Position,
    /// Revision of its last event.
    pub revision: Revision,
}

/// What every adapter checks before it sends an append; gives its size in bytes.
pub fn check_append(expected: Expected, events: &[NewEvent]) -> Result<usize, AppendError> {
    let count = events.len();
    let invalid = |reason| Err(AppendError::Invalid(reason));
    if count == 0 {
        return invalid(InvalidAppend::Empty);
    }
    if count > MAX_APPEND_EVENTS {
        return invalid(InvalidAppend::TooManyEvents { events: count, limit: MAX_APPEND_EVENTS });
    }
    if events.iter().map(|event| event.id).collect::<HashSet<_>>().len() < count {
        return invalid(InvalidAppend::DuplicateIds);
    }
    if expected.first_revision().get() > (i64::MAX as u64) - (MAX_APPEND_EVENTS as u64) {
        return invalid(InvalidAppend::RevisionOutOfRange);
    }
    let bytes = events.iter().map(NewEvent::size_bytes).sum();
    if bytes > MAX_APPEND_BYTES {
        return Err(AppendError::TooLarge { bytes, limit: MAX_APPEND_BYTES });
    }
    if !events.iter().all(|event| is_json(&event.payload) && is_json(&event.metadata)) {
        return invalid(InvalidAppend::NotJson);
    }
    Ok(bytes)
}

/// White space around it is refused: not every log would give it back.
fn is_json(bytes: &[u8]) -> bool {
    let is_bare = ![bytes.first(), bytes.last()].into_iter().flatten().any(u8::is_ascii_whitespace);
    let is_json = |text| serde_json::from_str::<IgnoredAny>(text).is_ok();
    is_bare && std::str::from_utf8(bytes).is_ok_and(is_json)
}
