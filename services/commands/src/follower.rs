//! Follows the singleton streams, so that a change of any process takes effect in this one immediately.
//!
//! It also destroys the keys of forgotten patients. That completes an erasure whose process crashed between the event and
//! the keys; destroying keys twice has no effect. It never appends.

use std::sync::Arc;
use std::time::Duration;

use daybook_domain::catalog::Catalog;
use daybook_domain::hours::Hours;
use daybook_domain::privacy::PrivacyEvent;
use daybook_domain::routing::Routing;
use daybook_domain::{Event, KeyId};
use daybook_event_log::{Backoff, Category, EventLog, Filter, Position, RecordedEvent};
use daybook_vault::Vault;
use futures_util::TryStreamExt;
use tokio::task::JoinHandle;

use crate::access_stream::AccessStream;
use crate::decoder::EventDecoder;
use crate::error::CommandError;
use crate::singleton_stream::{CachedAggregate, ErasureLog};

/// The categories of the followed streams.
const FOLLOWED: [Category; 5] =
    [Category::Catalog, Category::Hours, Category::Routing, Category::Privacy, Category::Access];

/// The first and the longest delay before a retry. Changes of other processes are delayed by as much.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How long an event that another process discards may still decide.
const DISCARD_DELAY: Duration = Duration::from_secs(1);

/// Maximum number of keys destroyed in one call.
const MAX_KEYS_PER_CALL: usize = 1000;

/// The followed streams.
#[derive(Debug, Clone)]
pub(crate) struct FollowedStreams {
    pub(crate) catalog: Arc<CachedAggregate<Catalog>>,
    pub(crate) hours: Arc<CachedAggregate<Hours>>,
    pub(crate) routing: Arc<CachedAggregate<Routing>>,
    pub(crate) erasure_log: Arc<CachedAggregate<ErasureLog>>,
    pub(crate) access: Arc<AccessStream>,
    decoder: EventDecoder,
}

/// The background task. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FollowedStreams {
    /// The state before anything was read.
    pub(crate) fn new(decoder: &EventDecoder) -> Self {
        Self {
            catalog: Arc::new(CachedAggregate::with(decoder.clone())),
            hours: Arc::new(CachedAggregate::with(decoder.clone())),
            routing: Arc::new(CachedAggregate::with(decoder.clone())),
            erasure_log: Arc::new(CachedAggregate::with(decoder.clone())),
            access: Arc::new(AccessStream::with(decoder.clone())),
            decoder: decoder.clone(),
        }
    }

    /// Applies all existing events and starts to follow new ones.
    pub(crate) async fn start(self, log: Arc<dyn EventLog>, vault: Vault) -> Result<Follower, CommandError> {
        // Reading goes at least up to this position, so there is no gap before following starts.
        let mut after = log.head().await?;
        let mut events = log.read_all(Position::START, &Filter::categories(FOLLOWED)).await?;
        let mut keys = Vec::new();
        while let Some(recorded) = events.try_next().await? {
            keys.extend(self.ingest(&recorded, &*log).await?);
            after = after.max(recorded.position);
        }
        for keys in keys.chunks(MAX_KEYS_PER_CALL) {
            vault.destroy(keys).await?;
        }
        let (discards, followed) = (self.clone(), Arc::clone(&log));
        Ok(Follower(tokio::spawn(async move {
            tokio::join!(self.follow(log, vault, after), discards.watch_discards(&*followed));
        })))
    }

    /// Reads the discarded events again and again, and folds the states that contain one without it.
    async fn watch_discards(&self, log: &dyn EventLog) {
        let mut is_known = true;
        while self.decoder.has_discards() {
            tokio::time::sleep(DISCARD_DELAY).await;
            let outcome = self.leave_out_discarded(log).await;
            if let Err(error) = &outcome
                && is_known
            {
                tracing::warn!(%error, "the discarded events cannot be left out; trying again");
            }
            is_known = outcome.is_ok();
        }
    }

    async fn leave_out_discarded(&self, log: &dyn EventLog) -> Result<(), CommandError> {
        self.decoder.refresh().await?;
        self.catalog.leave_out_discarded(log).await?;
        self.hours.leave_out_discarded(log).await
    }

    /// Follows until the task is aborted, and reconnects after errors.
    async fn follow(self, log: Arc<dyn EventLog>, vault: Vault, mut after: Position) {
        let mut backoff = Backoff::between(DELAYS.0, DELAYS.1);
        loop {
            let before = after;
            if let Err(error) = self.follow_once(&*log, &vault, &mut after).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%after, %error, cause, "lost the connection to the singleton streams; reconnecting");
            }
            if after > before {
                backoff.reset();
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn follow_once(
        &self,
        log: &dyn EventLog,
        vault: &Vault,
        after: &mut Position,
    ) -> Result<(), CommandError> {
        let mut events = log.follow(*after, &Filter::categories(FOLLOWED)).await?;
        while let Some(recorded) = events.try_next().await? {
            let keys = self.ingest(&recorded, log).await?;
            if !keys.is_empty() {
                vault.destroy(&keys).await?;
            }
            *after = recorded.position;
        }
        Ok(())
    }

    /// Applies one event and returns the keys that it requires to destroy.
    ///
    /// One that cannot be decoded is left to an operator, who decides on it with a running program. Until then every command
    /// on its stream fails, because it reads the stream first.
    async fn ingest(&self, recorded: &RecordedEvent, log: &dyn EventLog) -> Result<Vec<KeyId>, CommandError> {
        match self.apply(recorded, log).await {
            Err(CommandError::Codec { source: error, .. }) => {
                let RecordedEvent { stream, position, event_type, .. } = recorded;
                let effect = if stream.category() == Category::Access {
                    "requests of staff are refused; use the release that wrote it".to_owned()
                } else {
                    format!(
                        "commands on its stream fail; use the release that wrote it, or run `daybook projection parked \
                         discard {position}`"
                    )
                };
                tracing::error!(%stream, %position, %event_type, %error, "an event cannot be decoded, so {effect}");
                Ok(vec![])
            }
            applied => applied,
        }
    }

    async fn apply(&self, recorded: &RecordedEvent, log: &dyn EventLog) -> Result<Vec<KeyId>, CommandError> {
        match recorded.stream.category() {
            Category::Catalog => self.catalog.follow(recorded, log).await?,
            Category::Hours => self.hours.follow(recorded, log).await?,
            Category::Routing => self.routing.follow(recorded, log).await?,
            Category::Privacy => {
                self.erasure_log.follow(recorded, log).await?;
                let event = self.decoder.decode(recorded).await?;
                if let Some((Event::Privacy(PrivacyEvent::SubjectForgotten(forgotten)), _)) = event {
                    return Ok(forgotten.keys);
                }
            }
            Category::Access => self.access.follow(recorded, log).await?,
            Category::Daybook | Category::Idempotency => {}
        }
        Ok(vec![])
    }
}
