//! Completes an erasure whose command was killed, while the service runs: the same step as at a start, in the leader only.
//!
//! It never appends. The files of the database are left to the next `daybook forget`, because readers wait meanwhile.

use std::time::Duration;

use daybook_event_log::{Backoff, Category, Filter};
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::control::error::{ViewError, describe};
use crate::control::generation::{self, GenerationStatus};
use crate::control::leader::Role;
use crate::rebuild::Rebuild;

/// How long a command that forgets a patient has to complete the erasure itself.
pub const FORGET_GRACE: Duration = Duration::from_secs(30);

/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// How often it looks whether the live views have reached a forgetting.
const VIEWS_PAUSE: Duration = Duration::from_millis(100);

impl Rebuild {
    /// Erases forgotten patients from kept and past generations whenever somebody was forgotten, once `grace` is over, as long
    /// as this process is the leader. Ends with the engine whose role it follows.
    pub async fn complete_erasures(self, mut role: watch::Receiver<Option<Role>>, grace: Duration) {
        let mut backoff = Backoff::between(PAUSES.0, PAUSES.1);
        while role.wait_for(|role| matches!(role, Some(Role::Leader(_)))).await.is_ok() {
            match self.complete_once(grace).await {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    tracing::warn!(
                        error = %describe(&error),
                        "forgotten patients could not be erased from kept views; retrying"
                    );
                    sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    /// Erases what is left of earlier forgettings, and waits for the next one.
    async fn complete_once(&self, grace: Duration) -> Result<(), ViewError> {
        let head = self.log.head().await?;
        sleep(grace).await;
        // Until a live view has applied a forgetting, a promotion may make a kept one of it: not of a view that cannot be written.
        let is_late = |live: &GenerationStatus| live.position < head && live.lasting_failure().is_none();
        while generation::live(&self.client().await?).await?.iter().any(is_late) {
            sleep(VIEWS_PAUSE).await;
        }
        let erased = self.erase_forgotten().await?;
        if erased.reservations > 0 {
            tracing::warn!(
                reservations = erased.reservations,
                "completed the erasure of forgotten patients that an interrupted `daybook forget` left; run it again, so that the \
                 database's files forget too"
            );
        }
        let mut forgettings = self.log.follow(head, &Filter::categories([Category::Privacy])).await?;
        forgettings.next().await.transpose()?;
        Ok(())
    }
}
