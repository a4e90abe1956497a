//! What the log is made of: events to be appended, and the records they become.
//!
//! It must never interpret an event's data; metadata of streams is the one exception, and lives with the streams.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use uuid::Uuid;

use crate::protocol::stored;

/// The name of a stream.
pub type StreamName = Arc<str>;

/// What a record takes in the log beside its name, type, metadata and data, in bytes: headers and lengths.
const RECORD_OVERHEAD_BYTES: usize = 94;

/// The revision of the record that closes a tombstoned stream.
pub(crate) const TOMBSTONE_REVISION: u64 = i64::MAX.unsigned_abs();

/// The type of the record that closes a tombstoned stream.
pub(crate) const TOMBSTONE_TYPE: &str = "$streamDeleted";

/// A place in the order of all streams: an offset in bytes, so that there are gaps between one event and the next.
///
/// As on a server of today, both numbers are equal; older ones gave a transaction two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Where the record was committed.
    pub commit: u64,
    /// Where the record was prepared.
    pub prepare: u64,
}

impl Position {
    pub(crate) const fn at(offset: u64) -> Self {
        Self { commit: offset, prepare: offset }
    }
}

/// How an event's data is to be understood; the log itself does not look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json`
    Json,
    /// `application/octet-stream`
    Binary,
}

impl ContentType {
    /// As the protocol names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Binary => "application/octet-stream",
        }
    }

    /// As the real server does: whatever is not JSON is binary.
    pub(crate) fn named(name: &str) -> Self {
        if name == Self::Json.name() { Self::Json } else { Self::Binary }
    }
}

/// An event that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// By which a repeated append is known.
    pub id: Uuid,
    /// Its name; those of the server begin with `$`.
    pub event_type: String,
    /// How to understand `data`.
    pub content_type: ContentType,
    pub metadata: Bytes,
    pub data: Bytes,
}

impl NewEvent {
    /// What counts against the limit of an append, in bytes. Types are kept in two bytes a character there.
    pub(crate) fn size_bytes(&self) -> usize {
        self.data.len() + self.metadata.len() + 2 * self.event_type.len()
    }

    /// An event of the server itself.
    pub(crate) fn of_system(event_type: &str, data: String) -> Self {
        Self {
            id: Uuid::new_v4(),
            event_type: event_type.to_owned(),
            content_type: ContentType::Json,
            metadata: Bytes::new(),
            data: data.into(),
        }
    }
}

/// An event that is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it begins in the log.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in the stream, from 0.
    pub revision: u64,
    /// When it was appended, in units of 100 ns since 1970.
    pub created_ticks: u64,
    /// What was appended.
    pub event: NewEvent,
}

impl Record {
    /// How far the log grows by it, in bytes.
    pub(crate) fn length_bytes(&self) -> u64 {
        let event = &self.event;
        let parts = self.stream.len() + event.event_type.len() + event.metadata.len() + event.data.len();
        // No machine has so much memory that this would not fit.
        u64::try_from(RECORD_OVERHEAD_BYTES + parts).unwrap_or(u64::MAX)
    }

    pub(crate) fn to_stored(&self) -> stored::Event {
        stored::Event {
            id: Bytes::copy_from_slice(self.event.id.as_bytes()),
            stream: self.stream.to_string(),
            revision: self.revision,
            event_type: self.event.event_type.clone(),
            json: self.event.content_type == ContentType::Json,
            created: self.created_ticks,
            metadata: self.event.metadata.clone(),
            data: self.event.data.clone(),
        }
    }

    /// `None` where the id has another length than an id has.
    pub(crate) fn from_stored(stored: stored::Event, offset: u64) -> Option<Self> {
        let event = NewEvent {
            id: Uuid::from_slice(&stored.id).ok()?,
            event_type: stored.event_type,
            content_type: if stored.json { ContentType::Json } else { ContentType::Binary },
            metadata: stored.metadata,
            data: stored.data,
        };
        Some(Self {
            position: Position::at(offset),
            stream: stored.stream.into(),
            revision: stored.revision,
            created_ticks: stored.created,
            event,
        })
    }
}

/// The time now, in units of 100 ns since 1970.
pub(crate) fn ticks_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos() / 100).unwrap_or(u64::MAX)
}
