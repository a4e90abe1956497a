//! How long a database has not answered a follower, and how long it is given.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::port::{ReadError, Source};

/// Longest outage of the database that a follower sits out.
pub const FOLLOW_PATIENCE: Duration = Duration::from_secs(60);

/// An outage, from the first failure in a row on.
#[derive(Debug)]
pub(crate) struct Outage {
    since: Option<Instant>,
    backoff: Backoff,
}

impl Outage {
    /// The database has just answered.
    pub(crate) const fn none() -> Self {
        Self { since: None, backoff: Backoff::new() }
    }

    /// Waits a bounded while before the next attempt, or says that it has lasted too long.
    pub(crate) async fn wait(&mut self, source: Source) -> Result<(), ReadError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() > FOLLOW_PATIENCE {
            return Err(ReadError::Unavailable(source));
        }
        tokio::time::sleep(self.backoff.next_wait()).await;
        Ok(())
    }
}
