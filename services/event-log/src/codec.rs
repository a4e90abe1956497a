//! The event codec: type names, schema versions, and JSON in both directions.
//!
//! This is storage format. Names, fields and versions may be added, but never changed or reused. A golden
//! file for each type and version holds the codec to that. No error contains text from an event.

mod metadata;
mod table;
mod upcast;

use daybook_domain::{Event, Impossible};

use crate::port::{EventId, EventType, NewEvent, RecordedEvent};

pub use metadata::{Metadata, Recording, ReferenceRevisions, TraceParent};
pub use table::{EVENT_TYPES, EventSchema, event_type_of};
pub use upcast::{UpcastStep, Upcaster};

/// Version of an event type's payload, from 1. It rises when fields change their meaning, not when an
/// optional field is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SchemaVersion(pub u16);

/// Steps from old schema versions to the current one. There are none yet: this is the first release.
const STEPS: &[UpcastStep] = &[];

/// Why a recorded event cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The type is unknown: a newer release or another program wrote it.
    #[error("event type {event_type:?} is unknown to this release")]
    UnknownType {
        /// Name as stored.
        event_type: Box<str>,
    },
    /// The schema version is unknown: a newer release wrote it.
    #[error("{event_type} has schema version {version}, this release knows up to {known}; use the release that wrote it", version = version.0, known = known.0)]
    NewerSchema {
        event_type: EventType,
        version: SchemaVersion,
        /// Highest version that this release can read.
        known: SchemaVersion,
    },
    /// No upcast step starts at this schema version: a bug in this release.
    #[error("this release has no step that upcasts {event_type} from schema version {version}", version = version.0)]
    NoUpcast {
        event_type: EventType,
        /// Version without a step.
        version: SchemaVersion,
    },
    /// The payload does not match its type and version.
    #[error("the payload of {event_type} does not match its schema")]
    Payload {
        event_type: EventType,
        /// Position of the mismatch in the JSON text.
        #[source]
        fault: JsonFault,
    },
    /// The payload has values that no release has ever accepted: another program wrote it.
    #[error("{event_type} has values that no release has ever accepted")]
    Values {
        event_type: EventType,
        #[source]
        fault: Impossible,
    },
    /// The metadata does not match its schema.
    #[error("the metadata does not match its schema")]
    Metadata(#[source] JsonFault),
}

/// Where a JSON text does not match its schema. It does not quote the text, which can contain personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{category:?} error at line {line}, column {column}")]
pub struct JsonFault {
    /// Syntax, data, I/O or unexpected end.
    pub category: serde_json::error::Category,
    /// From 1, or 0 if unknown.
    pub line: usize,
    /// From 1, or 0 if unknown.
    pub column: usize,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        Self { category: error.classify(), line: error.line(), column: error.column() }
    }
}

/// Encodes an event and its metadata.
pub fn encode(id: EventId, event: &Event, metadata: &Metadata) -> NewEvent {
    let event_type = table::type_of(event);
    NewEvent {
        id,
        event_type: event_type.event_type,
        payload: table::write(event).into(),
        metadata: metadata.write(event_type.version).into(),
    }
}

/// Decodes an event and its metadata.
pub fn decode(recorded: &RecordedEvent) -> Result<(Event, Metadata), DecodeError> {
    let (version, metadata) = decode_metadata(&recorded.metadata)?;
    let event = decode_event(&recorded.event_type, version, &recorded.payload)?;
    Ok((event, metadata))
}

/// Decodes an event and the part of its metadata that views show.
pub fn decode_for_view(recorded: &RecordedEvent) -> Result<(Event, Recording), DecodeError> {
    let (version, recording) =
        Recording::read(&recorded.metadata).map_err(|error| DecodeError::Metadata(error.into()))?;
    Ok((decode_event(&recorded.event_type, version, &recorded.payload)?, recording))
}

/// Decodes metadata, and the schema version of the payload.
pub fn decode_metadata(metadata: &[u8]) -> Result<(SchemaVersion, Metadata), DecodeError> {
    Metadata::read(metadata).map_err(|error| DecodeError::Metadata(error.into()))
}

/// Decodes a payload, after upcasting it to the current schema version.
pub fn decode_event(event_type: &str, version: SchemaVersion, payload: &[u8]) -> Result<Event, DecodeError> {
    let event_type =
        table::find(event_type).ok_or_else(|| DecodeError::UnknownType { event_type: event_type.into() })?;
    let payload = Upcaster::new(STEPS).upcast(event_type, version, payload)?;
    let event = table::read(event_type.event_type, &payload)?;
    let event_type = event_type.event_type;
    event.check().map_err(|fault| DecodeError::Values { event_type, fault })?;
    Ok(event)
}
