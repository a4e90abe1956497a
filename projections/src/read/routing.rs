//! The history of the rollout according to the log: the one place in this crate that folds `routing-main`.

use std::sync::Arc;

use daybook_domain::Event;
use daybook_domain::routing::{Recording, RolloutHistory, Routing};
use daybook_event_log::{Category, EventLog, Filter, Position, RecordedEvent, Revision, StreamName, codec};
use futures_util::StreamExt;

use crate::control::error::ViewError;

/// The history of the rollout, and the position of its last event.
///
/// # Errors
/// The log cannot be read, or contains an event that this release does not know.
pub async fn read_history(log: &dyn EventLog) -> Result<(RolloutHistory, Position), ViewError> {
    let (mut history, mut position) = (RolloutHistory::default(), Position::START);
    let mut events = log.read_stream(&StreamName::routing(), Revision::FIRST).await?;
    while let Some(event) = events.next().await.transpose()? {
        position = event.position;
        apply(&mut history, &event)?;
    }
    Ok((history, position))
}

/// The present routing, and the position of its last event.
///
/// # Errors
/// As [`read_history`].
pub async fn read(log: &dyn EventLog) -> Result<(Arc<Routing>, Position), ViewError> {
    let (history, position) = read_history(log).await?;
    Ok((history.routing, position))
}

/// Selects the routing events of the log.
pub(crate) fn filter() -> Filter {
    Filter::categories([Category::Routing])
}

/// Applies a routing event.
///
/// # Errors
/// It cannot be decoded.
pub(crate) fn apply(history: &mut RolloutHistory, recorded: &RecordedEvent) -> Result<(), ViewError> {
    let (event, metadata) =
        codec::decode(recorded).map_err(|fault| ViewError::from_event(recorded, fault))?;
    if let Event::Routing(event) = event {
        let (at, actor) = (metadata.recorded_at, metadata.actor);
        history.apply(&event, Recording { at, actor, place: recorded.position.into() });
    }
    Ok(())
}
