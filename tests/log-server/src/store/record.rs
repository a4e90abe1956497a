//! The log's data types: new events and the records that they become.
//!
//! The log must never interpret an event's data. Stream metadata is the only exception, and `log` handles it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use uuid::Uuid;

use crate::protocol::stored;

/// A stream's name, cheap to clone.
pub type StreamName = Arc<str>;

/// The bytes that a record needs for headers and lengths, in addition to its name, type, metadata and data.
const RECORD_OVERHEAD_BYTES: usize = 94;

/// The revision of the record that closes a tombstoned stream.
pub(crate) const TOMBSTONE_REVISION: u64 = i64::MAX.unsigned_abs();

/// The type of the record that closes a tombstoned stream.
pub(crate) const TOMBSTONE_TYPE: &str = "$streamDeleted";

/// A position in the order of all streams. It is a byte offset, so there are gaps between events.
///
/// Both numbers are equal, as on current servers. Older servers gave a transaction two different numbers.
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

/// The format of an event's data. The log itself does not inspect the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json`
    Json,
    /// `application/octet-stream`
    Binary,
}

impl ContentType {
    /// The name of the content type in the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Binary => "application/octet-stream",
        }
    }

    /// Parses a content type. Treats everything except JSON as binary, as the real server does.
    pub(crate) fn named(name: &str) -> Self {
        if name == Self::Json.name() { Self::Json } else { Self::Binary }
    }
}

/// An event to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The id that identifies a repeated append.
    pub id: Uuid,
    /// The event's type. The server's own types begin with `$`.
    pub event_type: String,
    /// The format of `data`.
    pub content_type: ContentType,
    pub metadata: Bytes,
    pub data: Bytes,
}

impl NewEvent {
    /// The event's size in bytes, as it counts against the append limit. The limit counts two bytes per character of
    /// the type.
    pub(crate) fn size_bytes(&self) -> usize {
        self.data.len() + self.metadata.len() + 2 * self.event_type.len()
    }

    /// Creates an event of the server itself.
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

/// An event in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The position at which the record begins.
    pub position: Position,
    /// The stream that contains the event.
    pub stream: StreamName,
    /// The event's index in the stream, counted from 0.
    pub revision: u64,
    /// The time of the append, in units of 100 ns since 1970.
    pub created_ticks: u64,
    /// The event that was appended.
    pub event: NewEvent,
}

impl Record {
    /// The number of bytes that the record occupies in the log.
    pub(crate) fn length_bytes(&self) -> u64 {
        let event = &self.event;
        let parts = self.stream.len() + event.event_type.len() + event.metadata.len() + event.data.len();
        // A record always fits in memory, so its size fits in a `u64`.
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

    /// Returns `None` if the id does not have the length of a UUID.
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

/// The current time, in units of 100 ns since 1970.
pub(crate) fn ticks_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos() / 100).unwrap_or(u64::MAX)
}
