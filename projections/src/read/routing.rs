//! The routing according to the log: the one place in this crate that folds `routing-main`.

use daybook_domain::Event;
use daybook_domain::routing::Routing;
use daybook_event_log::{Category, EventLog, Filter, Position, RecordedEvent, Revision, StreamName, codec};
use futures_util::StreamExt;

use crate::control::error::ViewError;

/// The present routing, and the position of its last event.
pub async fn read(log: &dyn EventLog) -> Result<(Routing, Position), ViewError> {
    let (mut routing, mut position) = (Routing::default(), Position::START);
    let mut events = log.read_stream(&StreamName::routing(), Revision::FIRST).await?;
    while let Some(event) = events.next().await.transpose()? {
        position = event.position;
        evolve(&mut routing, &event)?;
    }
    Ok((routing, position))
}

/// Selects the routing events of the log.
pub(crate) fn filter() -> Filter {
    Filter::categories([Category::Routing])
}

/// Applies a routing event.
///
/// # Errors
/// It cannot be decoded.
pub(crate) fn evolve(routing: &mut Routing, recorded: &RecordedEvent) -> Result<(), ViewError> {
    let (event, _) = codec::decode(recorded).map_err(|fault| ViewError::from_event(recorded, fault))?;
    if let Event::Routing(event) = event {
        routing.evolve(&event);
    }
    Ok(())
}
