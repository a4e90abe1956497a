//! The revoked tokens, as far as this process knows them.
//!
//! It must never pass an incomplete list off as complete: a token that a revocation names must not be accepted because
//! this release cannot read the revocation.

use std::sync::{Arc, Mutex, PoisonError};

use daybook_domain::access::Revocations;
use daybook_event_log::{EventLog, RecordedEvent, Revision};

use crate::decoder::EventDecoder;
use crate::error::CommandError;
use crate::singleton_stream::CachedAggregate;

/// The stream `access-main` in memory.
#[derive(Debug)]
pub(crate) struct AccessStream {
    pub(crate) cached: CachedAggregate<Revocations>,
    /// The last event that could not be decoded.
    fault: Mutex<Option<(Revision, CommandError)>>,
}

impl AccessStream {
    pub(crate) fn with(decoder: EventDecoder) -> Self {
        Self { cached: CachedAggregate::with(decoder), fault: Mutex::default() }
    }

    /// The revocations.
    ///
    /// # Errors
    /// [`CommandError::Codec`] if the stream has an event that this release cannot decode and nobody has discarded.
    pub(crate) fn revocations(&self) -> Result<Arc<Revocations>, CommandError> {
        match &*self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((revision, error)) if !self.cached.has_reached(*revision) => Err(error.clone()),
            _ => Ok(self.cached.state()),
        }
    }

    /// Applies an event from the follower.
    pub(crate) async fn follow(
        &self,
        recorded: &RecordedEvent,
        log: &dyn EventLog,
    ) -> Result<(), CommandError> {
        let followed = self.cached.follow(recorded, log).await;
        if let Err(error @ CommandError::Codec { .. }) = &followed {
            let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
            *fault = Some((recorded.revision, error.clone()));
        }
        followed
    }
}
