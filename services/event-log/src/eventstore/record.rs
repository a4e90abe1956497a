//! Events as the client brings them, and as the port hands them on.

use eventstore::ResolvedEvent;

use crate::port::{EventId, Position, ReadError, RecordedEvent, Revision, StreamName};

/// What the server's log holds at a position: an event of Daybook's, or something that is none of its business.
pub(super) struct Record {
    pub(super) position: Position,
    /// None for the server's own events and for streams of others.
    pub(super) event: Option<RecordedEvent>,
}

/// The server's own streams and types of events begin with this.
const SYSTEM_MARK: char = '$';

impl Record {
    /// Takes what a read brought; `last` is the position before it, for the error.
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
