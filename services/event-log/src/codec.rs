//! How events are written: type names, schema versions, JSON in and JSON out.
//!
//! What stands here is storage format. Names, fields and versions are added to, never changed and never reused; golden
//! files hold one of each for ever. Nothing in an error says what an event says.

mod metadata;
mod table;
mod upcast;

use daybook_domain::Event;

use crate::port::{EventId, EventType, NewEvent, RecordedEvent};

pub use metadata::{Metadata, Recording, TraceParent};
pub use table::{EVENT_TYPES, EventSchema, event_type_of};
pub use upcast::{UpcastStep, Upcaster};

/// Which form of an event type a payload has, from 1. It rises when fields change their meaning, not when one is added
/// that old payloads can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SchemaVersion(pub u16);

/// Steps from old forms of event types to the present one. None yet: this is the first release.
const STEPS: &[UpcastStep] = &[];

/// Why a recorded event cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A type that this release does not know: it was written by a newer one, or by somebody else.
    #[error("event type {event_type:?} is unknown to this release")]
    UnknownType {
        /// The name as it is stored.
        event_type: Box<str>,
    },
    /// A schema version that this release does not know: it was written by a newer one.
    #[error("{event_type} has schema version {version}, this release knows up to {known}; use the release that wrote it", version = version.0, known = known.0)]
    NewerSchema {
        /// Type of the event.
        event_type: EventType,
        /// Version of the payload.
        version: SchemaVersion,
        /// Highest version that this release knows.
        known: SchemaVersion,
    },
    /// No step leads on from an old schema version: a fault of this release.
    #[error("nothing leads {event_type} on from schema version {version}", version = version.0)]
    NoUpcast {
        /// Type of the event.
        event_type: EventType,
        /// Version from which no step leads on.
        version: SchemaVersion,
    },
    /// The payload does not have the form of its type and version.
    #[error("the payload of {event_type} does not have its form")]
    Payload {
        /// Type of the event.
        event_type: EventType,
        /// Where it departs from it.
        #[source]
        fault: JsonFault,
    },
    /// The metadata does not have its form.
    #[error("the metadata does not have its form")]
    Metadata(#[source] JsonFault),
}

/// Where a JSON text departs from its form. It leaves out what stands there: that may be anybody's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{category:?} error at line {line}, column {column}")]
pub struct JsonFault {
    /// Kind of departure.
    pub category: serde_json::error::Category,
    /// Line, from 1; 0 where it is not known.
    pub line: usize,
    /// Column, from 1; 0 where it is not known.
    pub column: usize,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        Self { category: error.classify(), line: error.line(), column: error.column() }
    }
}

/// Writes an event with what is known about it.
pub fn encode(id: EventId, event: &Event, metadata: &Metadata) -> NewEvent {
    let event_type = table::type_of(event);
    NewEvent {
        id,
        event_type: event_type.event_type,
        payload: table::write(event).into(),
        metadata: metadata.write(event_type.version).into(),
    }
}

/// Reads an event and what is known about it.
pub fn decode(recorded: &RecordedEvent) -> Result<(Event, Metadata), DecodeError> {
    let (version, metadata) = decode_metadata(&recorded.metadata)?;
    let event = decode_event(&recorded.event_type, version, &recorded.payload)?;
    Ok((event, metadata))
}

/// Reads an event with as much of its metadata as a view shows.
pub fn decode_for_view(recorded: &RecordedEvent) -> Result<(Event, Recording), DecodeError> {
    let (version, recording) =
        Recording::read(&recorded.metadata).map_err(|error| DecodeError::Metadata(error.into()))?;
    Ok((decode_event(&recorded.event_type, version, &recorded.payload)?, recording))
}

/// Reads metadata alone, and the schema version of the payload beside it.
pub fn decode_metadata(metadata: &[u8]) -> Result<(SchemaVersion, Metadata), DecodeError> {
    Metadata::read(metadata).map_err(|error| DecodeError::Metadata(error.into()))
}

/// Reads a payload alone. Old schema versions are led on to the present one first.
pub fn decode_event(event_type: &str, version: SchemaVersion, payload: &[u8]) -> Result<Event, DecodeError> {
    let event_type =
        table::find(event_type).ok_or_else(|| DecodeError::UnknownType { event_type: event_type.into() })?;
    let payload = Upcaster::new(STEPS).upcast(event_type, version, payload)?;
    table::read(event_type.event_type, &payload)
}
