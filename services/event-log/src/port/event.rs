//! Events as a log sees them: an id, a type name, and bytes it never reads.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{AppendError, InvalidAppend};
use super::expected::Expected;
use super::position::{Position, Revision};
use super::stream::StreamName;
use super::{MAX_APPEND_BYTES, MAX_APPEND_EVENTS};

/// Id of an event. The writer chooses it, and a retry uses the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// Names from files that were kept, see [`EventType::stored`].
static STORED_NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Most such names.
const MAX_STORED_NAMES: usize = 1000;

/// Name of an event type as stored, such as `ReservationRequested`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(&'static str);

impl EventType {
    /// The product's names are in the codec's table. Tests of a log may use others.
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// A name in a file, which may be of another release. It is kept for the rest of the process, so there is a bound of 1000
    /// names. `None` beyond it, and for a text that is no name: 1 to 100 characters of a-z, A-Z, 0-9, '-', '_', '.' and '$'.
    pub fn stored(name: &str) -> Option<Self> {
        let mut names = STORED_NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Some(Self(known));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.$".contains(&byte);
        if name.is_empty()
            || name.len() > 100
            || !name.bytes().all(is_plain)
            || names.len() >= MAX_STORED_NAMES
        {
            return None;
        }
        let name: &'static str = Box::leak(name.into());
        names.insert(name);
        Some(Self(name))
    }

    /// Name as stored.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// An event to append.
#[derive(Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// A retry uses the same id.
    pub id: EventId,
    /// Name under which the type is stored.
    pub event_type: EventType,
    /// JSON without surrounding white space.
    pub payload: Bytes,
    /// JSON without surrounding white space.
    pub metadata: Bytes,
}

impl NewEvent {
    /// Bytes of payload and metadata, which limits count.
    pub fn size_bytes(&self) -> usize {
        self.payload.len() + self.metadata.len()
    }
}

impl fmt::Debug for NewEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NewEvent({} {})", self.event_type, self.id)
    }
}

/// An event as recorded in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its place in the order of the whole log.
    pub position: Position,
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: Revision,
    /// As chosen by the writer.
    pub id: EventId,
    /// Type name as stored, even if this release does not know it.
    pub event_type: Arc<str>,
    /// JSON.
    pub payload: Bytes,
    /// JSON.
    pub metadata: Bytes,
}

impl fmt::Debug for RecordedEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, stream, revision, event_type, .. } = self;
        write!(formatter, "RecordedEvent({position} {stream}@{revision} {event_type})")
    }
}

/// Where an append was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Of its last event.
    pub position: Position,
    /// Of its last event.
    pub revision: Revision,
}

/// The checks that every adapter makes before an append. Returns its size in bytes.
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

/// Surrounding white space is refused, because not every log would return it.
fn is_json(bytes: &[u8]) -> bool {
    let is_bare = ![bytes.first(), bytes.last()].into_iter().flatten().any(u8::is_ascii_whitespace);
    let is_json = |text| serde_json::from_str::<IgnoredAny>(text).is_ok();
    is_bare && std::str::from_utf8(bytes).is_ok_and(is_json)
}
