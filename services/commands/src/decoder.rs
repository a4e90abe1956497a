//! Decodes events of the log, and leaves out those that an operator has discarded because no release can read them.
//!
//! Whether an event is discarded is asked only if it cannot be decoded, so usual events cost nothing.

use std::fmt::Debug;
use std::sync::Arc;

use daybook_domain::Event;
use daybook_event_log::{Metadata, Position, RecordedEvent, decode};
use futures_util::future::BoxFuture;

use crate::error::{CommandError, Source};

/// The operator's decisions on events that are left out for good.
pub trait Discards: Debug + Send + Sync + 'static {
    /// Whether the event at a position is discarded.
    fn contains(&self, position: Position) -> BoxFuture<'_, Result<bool, Source>>;
}

/// Decodes events. Clones share the decisions.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventDecoder(Option<Arc<dyn Discards>>);

impl EventDecoder {
    pub(crate) fn new(discards: Arc<dyn Discards>) -> Self {
        Self(Some(discards))
    }

    /// The event with its metadata; `None` if it cannot be decoded and is discarded.
    pub(crate) async fn decode(
        &self,
        recorded: &RecordedEvent,
    ) -> Result<Option<(Event, Metadata)>, CommandError> {
        let error = match decode(recorded) {
            Ok(decoded) => return Ok(Some(decoded)),
            Err(error) => error,
        };
        let position = recorded.position;
        let is_discarded = match &self.0 {
            Some(discards) => discards.contains(position).await.map_err(CommandError::Unavailable)?,
            None => false,
        };
        if is_discarded { Ok(None) } else { Err(CommandError::Codec { position, source: Arc::new(error) }) }
    }
}
