//! Golden histories as files: one event per line as it is stored, except that sealed texts are in plain text.
//!
//! `"details":{"key":"…","plain":{…}}` or `"note":{"key":"…","plain":"…"}`: reading seals them with a key derived from
//! the key's id. So they pass through the vault's cryptography, and people can still read the file. No person in it is
//! real.

use std::collections::BTreeSet;

use bytes::Bytes;
use daybook_domain::{KeyId, ReservationId, SubjectId};
use daybook_event_log::{EventId, Position, RecordedEvent, Revision, StreamName};
use daybook_vault::{DataKey, Decryptor, Encryptor, sealing_context};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// The subject of every encryptor here, which holds one key at a time.
const ANYBODY: SubjectId = SubjectId::from_bytes([0; 16]);

/// A history as a log returns it, and its keys.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) events: Vec<RecordedEvent>,
    pub(crate) decryptor: Decryptor,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryLine {
    stream: StreamName,
    #[serde(rename = "type")]
    kind: Box<str>,
    data: Value,
    metadata: Value,
}

impl History {
    /// Parses a file.
    pub(super) fn read(text: &str) -> Self {
        let (mut events, mut keys) = (Vec::new(), BTreeSet::new());
        for (line, place) in text.lines().zip(1..) {
            let mut line: HistoryLine =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("line {place}: {error}"));
            seal(&mut line.data, &mut keys);
            events.push(recorded(line, place));
        }
        let mut decryptor = Decryptor::default();
        keys.into_iter().for_each(|key| decryptor.insert(key, Some(data_key(key))));
        Self { events, decryptor }
    }
}

/// A fold ignores revisions and ids, but a recorded event has them.
fn recorded(line: HistoryLine, place: u64) -> RecordedEvent {
    RecordedEvent {
        position: Position::new(place, place).unwrap(),
        stream: line.stream,
        revision: Revision::new(place).unwrap(),
        id: EventId(Uuid::from_u128(place.into())),
        event_type: line.kind.into(),
        payload: Bytes::from(line.data.to_string()),
        metadata: Bytes::from(line.metadata.to_string()),
    }
}

/// Seals the plain texts of a payload and collects the keys.
fn seal(data: &mut Value, keys: &mut BTreeSet<KeyId>) {
    let reservation = data["reservation"].as_str().map(|id| ReservationId::parse(id).unwrap());
    for field in data.as_object_mut().unwrap().values_mut() {
        let Some(plain) = field.get("plain") else { continue };
        let text = plain.as_str().map_or_else(|| plain.to_string(), str::to_owned);
        let key = serde_json::from_value(field["key"].clone()).unwrap();
        let mut sealer = Encryptor::default();
        sealer.insert(ANYBODY, key, data_key(key));
        let sealed = sealer.seal(ANYBODY, sealing_context(reservation.as_ref().unwrap()), &text).unwrap();
        *field = serde_json::to_value(sealed).unwrap();
        keys.insert(key);
    }
}

fn data_key(id: KeyId) -> DataKey {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(id.0.as_bytes().iter().cycle()).for_each(|(byte, of_id)| *byte = *of_id);
    DataKey::from_bytes(bytes)
}
