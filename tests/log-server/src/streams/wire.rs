//! Converts the protocol's values that several requests share, in both directions.
//!
//! A conversion must never accept a value that the real server refuses.

use std::collections::HashMap;

use bytes::Bytes;
use tonic::Status;
use uuid::Uuid;

use crate::protocol::streams::read_resp::read_event::{Position as EventPosition, RecordedEvent};
use crate::protocol::streams::read_resp::{Content, ReadEvent};
use crate::protocol::uuid::{Structured, Value};
use crate::protocol::{StreamIdentifier, Uuid as WireUuid};
use crate::refusal::{malformed, missing_property};
use crate::store::{ContentType, NewEvent, Record, StreamName};

/// The keys in an event's metadata that belong to the server.
const TYPE: &str = "type";
const CONTENT_TYPE: &str = "content-type";
const CREATED: &str = "created";

/// The format in which a client wants to receive ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UuidForm {
    Structured,
    Text,
}

pub(crate) fn structured_uuid(id: Uuid) -> WireUuid {
    let (most, least) = id.as_u64_pair();
    let halves =
        Structured { most_significant_bits: most.cast_signed(), least_significant_bits: least.cast_signed() };
    WireUuid { value: Some(Value::Structured(halves)) }
}

fn wire_uuid(id: Uuid, form: UuidForm) -> WireUuid {
    match form {
        UuidForm::Structured => structured_uuid(id),
        UuidForm::Text => WireUuid { value: Some(Value::String(id.to_string())) },
    }
}

/// Parses an id in either format. Refuses an empty id.
pub(crate) fn uuid(wire: Option<WireUuid>) -> Result<Uuid, Status> {
    let id = match wire.and_then(|wire| wire.value) {
        Some(Value::Structured(halves)) => Uuid::from_u64_pair(
            halves.most_significant_bits.cast_unsigned(),
            halves.least_significant_bits.cast_unsigned(),
        ),
        Some(Value::String(text)) => text.parse().map_err(|_| malformed("an id is no UUID"))?,
        None => Uuid::nil(),
    };
    if id.is_nil() { Err(malformed("an id is missing")) } else { Ok(id) }
}

pub(crate) fn stream_name(wire: Option<StreamIdentifier>) -> Result<StreamName, Status> {
    let bytes = wire.map(|wire| wire.stream_name).unwrap_or_default();
    let name = std::str::from_utf8(&bytes).map_err(|_| malformed("the stream's name is not UTF-8"))?;
    if name.is_empty() { Err(malformed("the stream's name is missing")) } else { Ok(name.into()) }
}

pub(crate) fn stream_identifier(name: &str) -> StreamIdentifier {
    StreamIdentifier { stream_name: Bytes::copy_from_slice(name.as_bytes()) }
}

/// Converts an event that a client wants to append.
pub(crate) fn new_event(
    id: Option<WireUuid>,
    mut metadata: HashMap<String, String>,
    custom_metadata: Bytes,
    data: Bytes,
) -> Result<NewEvent, Status> {
    let event_type = metadata.remove(TYPE).ok_or_else(|| missing_property(TYPE))?;
    let content_type = metadata.get(CONTENT_TYPE).ok_or_else(|| missing_property(CONTENT_TYPE))?;
    if event_type.is_empty() {
        return Err(malformed("an event's type is empty"));
    }
    let content_type = ContentType::named(content_type);
    Ok(NewEvent { id: uuid(id)?, event_type, content_type, metadata: custom_metadata, data })
}

/// Converts a record to the event that a client reads.
pub(crate) fn read_event(record: &Record, form: UuidForm) -> Content {
    let metadata = [
        (TYPE, record.event.event_type.clone()),
        (CONTENT_TYPE, record.event.content_type.name().to_owned()),
        (CREATED, record.created_ticks.to_string()),
    ];
    let event = RecordedEvent {
        id: Some(wire_uuid(record.event.id, form)),
        stream_identifier: Some(stream_identifier(&record.stream)),
        stream_revision: record.revision,
        prepare_position: record.position.prepare,
        commit_position: record.position.commit,
        metadata: metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        custom_metadata: record.event.metadata.clone(),
        data: record.event.data.clone(),
    };
    let position = EventPosition::CommitPosition(record.position.commit);
    Content::Event(ReadEvent { event: Some(event), link: None, position: Some(position) })
}
