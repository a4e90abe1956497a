//! The routing as the log has it: the one place that folds `routing-main` for all who read it here.

use daybook_domain::Event;
use daybook_domain::routing::Routing;
use daybook_event_log::{Category, EventLog, Filter, Position, RecordedEvent, Revision, StreamName, codec};
use futures_util::StreamExt;

use crate::control::error::ViewError;

/// The routing as the log has it now, and the position of its last event.
pub async fn read(log: &dyn EventLog) -> Result<(Routing, Position), ViewError> {
    let (mut routing, mut position) = (Routing::default(), Position::START);
    let mut events = log.read_stream(&StreamName::routing(), Revision::FIRST).await?;
    while let Some(event) = events.next().await.transpose()? {
        position = event.position;
        evolve(&mut routing, &event)?;
    }
    Ok((routing, position))
}

/// What of the log routes reads.
pub(crate) fn filter() -> Filter {
    Filter::categories([Category::Routing])
}

/// Applies one event of routing.
///
/// # Errors
/// That it cannot be decoded.
pub(crate) fn evolve(routing: &mut Routing, recorded: &RecordedEvent) -> Result<(), ViewError> {
    let (event, _) = codec::decode(recorded).map_err(|fault| ViewError::of_event(recorded, fault))?;
    if let Event::Routing(event) = event {
        routing.evolve(&event);
    }
    Ok(())
}
