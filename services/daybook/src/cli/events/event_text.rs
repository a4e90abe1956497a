//! One event as text: two lines for people, one JSON object for programs.

use daybook_event_log::codec::decode_metadata;
use daybook_event_log::{Position, RecordedEvent, Revision};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::output::{Format, print};

/// An event as it is stored.
#[derive(Serialize)]
pub(in crate::cli) struct StoredEvent<'a> {
    position: Position,
    stream: &'a str,
    revision: Revision,
    id: String,
    kind: &'a str,
    metadata: &'a RawValue,
    payload: &'a RawValue,
}

impl<'a> StoredEvent<'a> {
    /// Fails if the log holds something other than JSON.
    pub(in crate::cli) fn new(event: &'a RecordedEvent) -> serde_json::Result<Self> {
        Ok(Self {
            position: event.position,
            stream: event.stream.as_str(),
            revision: event.revision,
            id: event.id.to_string(),
            kind: &event.event_type,
            metadata: serde_json::from_slice(&event.metadata)?,
            payload: serde_json::from_slice(&event.payload)?,
        })
    }
}

pub(super) fn print_event(event: &RecordedEvent, format: Format) -> anyhow::Result<()> {
    if !format.is_json() {
        return print(describe(event));
    }
    print(serde_json::to_string(&StoredEvent::new(event)?)?)
}

/// An event in two lines.
pub(in crate::cli) fn describe(event: &RecordedEvent) -> String {
    let RecordedEvent { position, stream, revision, event_type: kind, .. } = event;
    // An event of a newer release is shown as far as it can be read.
    let known = decode_metadata(&event.metadata).ok().map(|(_, known)| known);
    let when = known.as_ref().map(|known| known.recorded_at.format("%Y-%m-%d %H:%M:%S%.6fZ").to_string());
    let who = known.as_ref().map_or("?", |known| known.actor.as_str());
    let payload = String::from_utf8_lossy(&event.payload);
    let when = when.unwrap_or_default();
    format!("{position}  {stream}@{revision}  {kind}  {when}  by {who}\n    {payload}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_event_log::{EventId, StreamName};

    use super::*;

    #[test]
    fn an_event_is_shown_as_it_is_stored() {
        let event = RecordedEvent {
            position: Position::new(7, 7).unwrap(),
            stream: StreamName::catalog(),
            revision: Revision::FIRST,
            id: EventId(uuid::Uuid::nil()),
            event_type: "FromTheFuture".into(),
            payload: br#"{"sealed": "abc="}"#.to_vec().into(),
            metadata:
                br#"{"schema_version":1,"recorded_at":1796083200123456,"actor":"system"}"#.to_vec().into(),
        };
        let text = "7  catalog-main@0  FromTheFuture  2026-12-01 00:00:00.123456Z  by system\n    {\"sealed\": \"abc=\"}";
        assert_eq!(describe(&event), text);
    }
}
