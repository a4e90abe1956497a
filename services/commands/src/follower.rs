//! Follows the small streams, so that a change made in any process is in force in this one at once.
//!
//! It also sees who was forgotten, and destroys their keys: that completes a forgetting whose process died between the
//! event and the keys. Destroying twice changes nothing.

use std::sync::Arc;
use std::time::Duration;

use daybook_domain::catalog::Catalog;
use daybook_domain::hours::Hours;
use daybook_domain::privacy::PrivacyEvent;
use daybook_domain::routing::Routing;
use daybook_domain::{Event, KeyId};
use daybook_event_log::{Category, EventLog, Filter, Position, RecordedEvent, decode};
use daybook_vault::Vault;
use futures_util::TryStreamExt;
use tokio::task::JoinHandle;

use crate::error::CommandError;
use crate::singleton_stream::{CachedAggregate, ErasureLog};

/// The streams that are followed.
const FOLLOWED: [Category; 4] = [Category::Catalog, Category::Hours, Category::Routing, Category::Privacy];

/// Pause before following again after an error. Changes of others are late for as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause, to which it doubles while no event gets through.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Keys that are destroyed in one go.
const MAX_KEYS_AT_ONCE: usize = 1000;

/// What is followed.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub(crate) catalog: Arc<CachedAggregate<Catalog>>,
    pub(crate) hours: Arc<CachedAggregate<Hours>>,
    pub(crate) routing: Arc<CachedAggregate<Routing>>,
    pub(crate) forgettings: Arc<CachedAggregate<ErasureLog>>,
}

/// The task that follows. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Followed {
    /// Nothing read yet.
    pub(crate) fn unread() -> Self {
        Self {
            catalog: Arc::new(CachedAggregate::unread()),
            hours: Arc::new(CachedAggregate::unread()),
            routing: Arc::new(CachedAggregate::unread()),
            forgettings: Arc::new(CachedAggregate::unread()),
        }
    }

    /// Takes in all there is, and starts to follow what comes.
    pub(crate) async fn start(self, log: Arc<dyn EventLog>, vault: Vault) -> Result<Follower, CommandError> {
        // What is read below reaches at least this far, so nothing lies between reading and following.
        let mut after = log.head().await?;
        let mut events = log.read_all(Position::START, &Filter::categories(FOLLOWED)).await?;
        let mut keys = Vec::new();
        while let Some(recorded) = events.try_next().await? {
            keys.extend(self.see(&recorded, &*log).await?);
            after = after.max(recorded.position);
        }
        for keys in keys.chunks(MAX_KEYS_AT_ONCE) {
            vault.destroy(keys).await?;
        }
        Ok(Follower(tokio::spawn(self.follow(log, vault, after))))
    }

    /// For as long as the process wants it.
    async fn follow(self, log: Arc<dyn EventLog>, vault: Vault, mut after: Position) {
        let mut pause = FIRST_PAUSE;
        loop {
            let before = after;
            if let Err(error) = self.follow_on(&*log, &vault, &mut after).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%after, %error, cause, "following the small streams broke off");
            }
            pause = if after > before { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            tokio::time::sleep(pause).await;
        }
    }

    async fn follow_on(
        &self,
        log: &dyn EventLog,
        vault: &Vault,
        after: &mut Position,
    ) -> Result<(), CommandError> {
        let mut events = log.follow(*after, &Filter::categories(FOLLOWED)).await?;
        while let Some(recorded) = events.try_next().await? {
            let keys = self.see(&recorded, log).await?;
            if !keys.is_empty() {
                vault.destroy(&keys).await?;
            }
            *after = recorded.position;
        }
        Ok(())
    }

    /// Takes in one event; gives the keys that it says are to be destroyed.
    async fn see(&self, recorded: &RecordedEvent, log: &dyn EventLog) -> Result<Vec<KeyId>, CommandError> {
        match recorded.stream.category() {
            Category::Catalog => self.catalog.see(recorded, log).await?,
            Category::Hours => self.hours.see(recorded, log).await?,
            Category::Routing => self.routing.see(recorded, log).await?,
            Category::Privacy => {
                self.forgettings.see(recorded, log).await?;
                if let Event::Privacy(PrivacyEvent::SubjectForgotten(forgotten)) = decode(recorded)?.0 {
                    return Ok(forgotten.keys);
                }
            }
            Category::Daybook => {}
        }
        Ok(vec![])
    }
}
