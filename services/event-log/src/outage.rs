//! How long a database has been unavailable to a follower, and how long the follower waits for it.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::port::{ReadError, Source};

/// Longest outage that a follower waits out before it fails.
pub const FOLLOW_PATIENCE: Duration = Duration::from_secs(60);

/// Consecutive failures.
#[derive(Debug)]
pub(crate) struct Outage {
    since: Option<Instant>,
    backoff: Backoff,
}

impl Outage {
    /// The database has just answered.
    pub(crate) const fn new() -> Self {
        Self { since: None, backoff: Backoff::new() }
    }

    /// Sleeps before the next attempt. Fails once the outage has lasted longer than [`FOLLOW_PATIENCE`].
    pub(crate) async fn wait(&mut self, source: Source) -> Result<(), ReadError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() > FOLLOW_PATIENCE {
            return Err(ReadError::Unavailable(source));
        }
        tokio::time::sleep(self.backoff.next_wait()).await;
        Ok(())
    }
}
