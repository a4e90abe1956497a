//! Discards an event everywhere: a live generation that has applied it is rebuilt without it.

use daybook_event_log::Position;

use super::{Listener, Rebuild, RebuildReport};
use crate::control::error::ViewError;
use crate::control::ids::Generation;
use crate::live::parked::{self, Discard, RetryReport};

/// The result of discarding an event everywhere.
#[derive(Debug)]
pub struct DiscardReport {
    /// The result for each generation that had parked it.
    pub mended: Vec<RetryReport>,
    /// Live generations that had applied it.
    pub applied_in: Vec<Generation>,
    /// The outcome of rebuilding these; none if there are none. Until it succeeds, they still show the event.
    pub rebuilt: Option<Result<RebuildReport, ViewError>>,
}

impl Rebuild {
    /// Discards an event that some view, or a rebuild, could not apply.
    ///
    /// # Errors
    /// As [`parked::discard`], except that it does not matter whether a live generation has applied the event.
    pub async fn discard(
        &self,
        position: Position,
        discard: &Discard,
        progress: Listener<'_>,
    ) -> Result<DiscardReport, ViewError> {
        let (mended, applied_in) =
            parked::discard_applied(&*self.log, &self.vault, &self.pool, position, discard).await?;
        let models: Vec<_> = applied_in.iter().map(|generation| generation.model).collect();
        let rebuilt = if models.is_empty() { None } else { Some(self.run(&models, progress).await) };
        Ok(DiscardReport { mended, applied_in, rebuilt })
    }
}
