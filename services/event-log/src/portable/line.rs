//! The lines of a file. Field names and their order are the format, and never change within a version.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::error::LineFault;
use crate::codec::EVENT_TYPES;
use crate::port::{EventId, EventType, NewEvent, RecordedEvent, Revision, StreamName};

/// The first line, with the field that all versions have.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) daybook_events: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trailer<'a> {
    pub(super) events: u64,
    #[serde(borrow)]
    pub(super) sha256: Cow<'a, str>,
}

/// An event.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventLine<'a> {
    #[serde(borrow)]
    stream: Cow<'a, str>,
    revision: Revision,
    id: Uuid,
    #[serde(rename = "type", borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    metadata: &'a RawValue,
}

impl<'a> EventLine<'a> {
    /// `None` for JSON that would not be restored byte for byte.
    pub(super) fn from_event(event: &'a RecordedEvent) -> Option<Self> {
        Some(Self {
            stream: event.stream.as_str().into(),
            revision: event.revision,
            id: event.id.0,
            event_type: (&*event.event_type).into(),
            data: one_line(&event.payload)?,
            metadata: one_line(&event.metadata)?,
        })
    }
}

/// JSON without line breaks and without surrounding white space.
fn one_line(json: &[u8]) -> Option<&RawValue> {
    let raw: &RawValue = serde_json::from_slice(json).ok()?;
    (raw.get().len() == json.len() && !json.contains(&b'\n')).then_some(raw)
}

/// An event of a file, with its stream and revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PortableEvent {
    /// From 1.
    pub(super) line: u64,
    pub(super) stream: StreamName,
    pub(super) revision: Revision,
    pub(super) event: NewEvent,
}

impl PortableEvent {
    pub(super) fn read(line: u64, text: &[u8]) -> Result<Self, LineFault> {
        let form = |error: serde_json::Error| LineFault::Form { column: error.column() };
        let read: EventLine<'_> = serde_json::from_slice(text).map_err(form)?;
        let stream = StreamName::parse(&*read.stream).map_err(|_| LineFault::Form { column: 0 })?;
        let event = NewEvent {
            id: EventId(read.id),
            event_type: type_of(&read.event_type).ok_or(LineFault::InvalidType)?,
            payload: Bytes::copy_from_slice(read.data.get().as_bytes()),
            metadata: Bytes::copy_from_slice(read.metadata.get().as_bytes()),
        };
        Ok(Self { line, stream, revision: read.revision, event })
    }

    /// Whether both are the same event, byte for byte. Positions do not count.
    pub(super) fn matches(&self, recorded: &RecordedEvent) -> bool {
        self.stream == recorded.stream
            && self.revision == recorded.revision
            && self.event.id == recorded.id
            && self.event.event_type.as_str() == &*recorded.event_type
            && self.event.payload == recorded.payload
            && self.event.metadata == recorded.metadata
    }
}

/// A type that this release does not know is restored too: the views park such an event, and say what to do.
fn type_of(name: &str) -> Option<EventType> {
    let known = EVENT_TYPES.iter().map(|known| known.event_type).find(|known| known.as_str() == name);
    known.or_else(|| EventType::stored(name))
}
