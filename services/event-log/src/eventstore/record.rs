//! Conversion of the client's events into those of the port.

use eventstore::ResolvedEvent;

use crate::port::{EventId, Position, ReadError, RecordedEvent, Revision, StreamName};

/// A record of the server's log: an event of Daybook or something else.
pub(super) struct Record {
    pub(super) position: Position,
    /// `None` for the server's own events and for streams of other programs.
    pub(super) event: Option<RecordedEvent>,
}

/// Prefix of the server's own streams and event types.
const SYSTEM_MARK: char = '$';

impl Record {
    /// Converts a record. `last` is the position before it, for the error.
    pub(super) fn read(resolved: ResolvedEvent, last: Position) -> Result<Option<Self>, ReadError> {
        let Some(event) = resolved.event.or(resolved.link) else { return Ok(None) };
        let corrupt = |source| ReadError::Corrupt { position: last, source };
        let position = Position::new(event.position.commit, event.position.prepare)
            .map_err(|error| corrupt(Box::new(error)))?;
        let revision = Revision::new(event.revision).map_err(|error| corrupt(Box::new(error)))?;
        Ok(Some(Self { position, event: recorded(event, position, revision) }))
    }
}

fn recorded(
    event: eventstore::RecordedEvent,
    position: Position,
    revision: Revision,
) -> Option<RecordedEvent> {
    if event.stream_id.starts_with(SYSTEM_MARK) || event.event_type.starts_with(SYSTEM_MARK) {
        return None;
    }
    let stream = StreamName::parse(event.stream_id).ok()?;
    Some(RecordedEvent {
        position,
        stream,
        revision,
        id: EventId(event.id),
        event_type: event.event_type.into(),
        payload: event.data,
        metadata: event.custom_metadata,
    })
}
