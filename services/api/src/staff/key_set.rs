//! The key set of staff tokens in memory, refreshed in the background.
//!
//! A failed refresh keeps the last keys, but not for more than a day: an issuer withdraws a key by leaving it out.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use daybook_projections::describe;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::key_source::{KeySetError, KeySource};
use super::public_keys::PublicKeys;

/// When keys are loaded.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// Pause between two loads.
    refresh: Duration,
    /// The same after a failure.
    retry: Duration,
    /// Shortest pause, whatever tokens ask for.
    shortest: Duration,
    /// Longest time since the last successful load that keys are used.
    trust: Duration,
}

impl Times {
    const TRUST: Duration = Duration::from_secs(24 * 3600);

    const FILE: Self = Self {
        refresh: Duration::from_secs(2),
        retry: Duration::from_secs(2),
        shortest: Duration::from_secs(2),
        trust: Self::TRUST,
    };

    const URL: Self = Self {
        refresh: Duration::from_secs(300),
        retry: Duration::from_secs(30),
        shortest: Duration::from_secs(10),
        trust: Self::TRUST,
    };
}

/// The key set. Clones share the keys; the refresh ends with the last one.
#[derive(Debug, Clone)]
pub struct KeySet {
    shared: Arc<Shared>,
    _refresh: Arc<Refresh>,
}

#[derive(Debug)]
struct Refresh(JoinHandle<()>);

impl Drop for Refresh {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Shared {
    source: KeySource,
    times: Times,
    loaded: RwLock<Loaded>,
    /// A token named a key that is not in the set.
    key_missed: Notify,
}

/// The last keys that were loaded.
#[derive(Default)]
struct Loaded {
    document: Vec<u8>,
    keys: Arc<PublicKeys>,
    version: KeyVersion,
    at: Option<Instant>,
}

/// Changes whenever the keys do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct KeyVersion(u64);

impl KeySet {
    /// Loads the keys and starts to refresh them. A URL may be unavailable: its tokens are refused until it answers.
    ///
    /// # Errors
    /// If a file cannot be read or is not a key set.
    pub async fn open(source: KeySource) -> Result<Self, KeySetError> {
        let times = if source.is_file() { Times::FILE } else { Times::URL };
        Self::open_with(source, times).await
    }

    async fn open_with(source: KeySource, times: Times) -> Result<Self, KeySetError> {
        let (loaded, key_missed) = (RwLock::default(), Notify::new());
        let shared = Arc::new(Shared { source, times, loaded, key_missed });
        let is_loaded = match shared.load().await {
            Ok(()) => true,
            Err(error) if shared.source.is_file() => return Err(error),
            Err(error) => {
                shared.warn(&error);
                false
            }
        };
        let refresh = tokio::spawn(Arc::clone(&shared).refresh(is_loaded));
        Ok(Self { shared, _refresh: Arc::new(Refresh(refresh)) })
    }

    /// The keys and their version; none if they are too old.
    pub(super) fn current(&self) -> Option<(Arc<PublicKeys>, KeyVersion)> {
        let loaded = self.shared.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let is_trusted = loaded.at.is_some_and(|at| at.elapsed() <= self.shared.times.trust);
        is_trusted.then(|| (Arc::clone(&loaded.keys), loaded.version))
    }

    /// Asks for a refresh, because a token names a key that is not in the set.
    pub(super) fn report_missing_key(&self) {
        self.shared.key_missed.notify_one();
    }
}

impl Shared {
    /// Loads until the task is aborted.
    async fn refresh(self: Arc<Self>, mut is_loaded: bool) {
        let Times { refresh, retry, shortest, .. } = self.times;
        loop {
            let pause = if is_loaded { refresh } else { retry };
            tokio::time::sleep(shortest).await;
            tokio::select! {
                () = tokio::time::sleep(pause.saturating_sub(shortest)) => {}
                () = self.key_missed.notified() => {}
            }
            let outcome = self.load().await;
            // One line for each outage, not for each attempt.
            match &outcome {
                Err(error) if is_loaded => self.warn(error),
                Ok(()) if !is_loaded => {
                    tracing::info!(source = %self.source, "the key set of staff tokens is available again");
                }
                _ => {}
            }
            is_loaded = outcome.is_ok();
        }
    }

    async fn load(&self) -> Result<(), KeySetError> {
        let document = self.source.load().await?;
        if self.confirm(&document) {
            return Ok(());
        }
        let keys = Arc::new(PublicKeys::parse(&document).map_err(KeySetError::Malformed)?);
        tracing::info!(source = %self.source, keys = keys.len(), skipped = keys.skipped, "loaded the key set of staff tokens");
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let version = KeyVersion(loaded.version.0 + 1);
        *loaded = Loaded { document, keys, version, at: Some(Instant::now()) };
        Ok(())
    }

    /// Whether the keys are those of a document. If so, they were loaded now.
    fn confirm(&self, document: &[u8]) -> bool {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let is_known = loaded.at.is_some() && loaded.document == document;
        if is_known {
            loaded.at = Some(Instant::now());
        }
        is_known
    }

    fn warn(&self, error: &KeySetError) {
        let hours = self.times.trust.as_secs() / 3600;
        tracing::warn!(
            source = %self.source, error = describe(error),
            "the key set of staff tokens cannot be loaded; its last keys are used for up to {hours} hours"
        );
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
