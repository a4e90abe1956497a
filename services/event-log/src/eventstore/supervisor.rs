//! Owns one client at a time: gives each operation a deadline and replaces a client that fails.
//!
//! A client of the crate never recovers from a failed connect, and it keeps using a node that is gone.
//! Callers must not notice, so nobody else holds a client for longer than one operation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use eventstore::{Client, ClientSettings};

use super::connection_string::ConnectionString;
use super::error::{EventStoreError, Health};
use super::nodelay::NoDelay;

/// Time limit for an operation's answer, or for the next event of a read.
pub const OPERATION_DEADLINE: Duration = Duration::from_secs(3);

/// Consecutive failures after which a client that might recover is replaced.
const FAILURES_BEFORE_REPLACEMENT: u32 = 3;

pub(super) struct Supervisor {
    settings: ClientSettings,
    current: Mutex<Current>,
    replaced: AtomicU64,
    nodelay: NoDelay,
}

struct Current {
    client: Client,
    /// Distinguishes this client from earlier and later ones.
    number: u64,
    failures: u32,
    /// Whether it ever got an answer.
    has_worked: bool,
}

/// A client for one operation, with its number.
pub(super) struct ClientHandle {
    pub(super) client: Client,
    number: u64,
}

impl Supervisor {
    /// Must be called inside a Tokio runtime.
    pub(super) fn new(address: ConnectionString) -> Result<Self, EventStoreError> {
        let settings = address.into_settings();
        let nodelay = NoDelay::start(&settings);
        let client = Client::new(settings.clone()).map_err(EventStoreError::Client)?;
        let current = Mutex::new(Current { client, number: 0, failures: 0, has_worked: false });
        Ok(Self { settings, current, replaced: AtomicU64::new(0), nodelay })
    }

    /// Number of clients replaced so far.
    pub(super) fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Whether the last operation was answered.
    pub(super) fn is_up(&self) -> bool {
        let current = self.lock();
        current.has_worked && current.failures == 0
    }

    /// The current client.
    pub(super) fn client(&self) -> ClientHandle {
        let current = self.lock();
        ClientHandle { client: current.client.clone(), number: current.number }
    }

    /// Runs one operation within its deadline and records the client's health.
    pub(super) async fn run<T, F>(
        &self,
        handle: &ClientHandle,
        operation: impl FnOnce(Client) -> F + Send,
    ) -> Result<T, EventStoreError>
    where
        F: Future<Output = eventstore::Result<T>> + Send,
    {
        let begun = Instant::now();
        let outcome = self.observe(handle, operation(handle.client.clone())).await;
        self.nodelay.observe_latency(begun.elapsed());
        outcome
    }

    /// Waits for an answer within the deadline and records the client's health.
    pub(super) async fn observe<T>(
        &self,
        handle: &ClientHandle,
        answer: impl Future<Output = eventstore::Result<T>> + Send,
    ) -> Result<T, EventStoreError> {
        let outcome = match tokio::time::timeout(OPERATION_DEADLINE, answer).await {
            Ok(outcome) => outcome.map_err(EventStoreError::Client),
            Err(_elapsed) => Err(EventStoreError::Deadline(OPERATION_DEADLINE)),
        };
        if let Err(EventStoreError::Client(eventstore::Error::NotLeaderException(leader))) = &outcome {
            self.nodelay.learn(leader);
        }
        match outcome.as_ref().map_err(EventStoreError::health) {
            Ok(_) | Err(Health::Healthy) => self.succeeded(handle),
            Err(health @ (Health::Suspect | Health::Dead)) => self.failed(handle, health),
        }
        outcome
    }

    fn succeeded(&self, handle: &ClientHandle) {
        let mut current = self.lock();
        if current.number != handle.number {
            return;
        }
        let is_first = !std::mem::replace(&mut current.has_worked, true);
        if std::mem::take(&mut current.failures) > 0 || is_first {
            self.nodelay.request_scan();
        }
        if is_first && handle.number > 0 {
            tracing::info!(replaced = self.replaced(), "EventStoreDB answers again");
        }
    }

    fn failed(&self, handle: &ClientHandle, health: Health) {
        let mut current = self.lock();
        if current.number != handle.number {
            // Its client has already been replaced.
            return;
        }
        current.failures += 1;
        if health != Health::Dead && current.failures < FAILURES_BEFORE_REPLACEMENT {
            return;
        }
        match Client::new(self.settings.clone()) {
            Ok(client) => {
                if current.has_worked {
                    // Logged once per outage, not once per attempt.
                    tracing::warn!("EventStoreDB does not answer; Daybook reconnects until it does");
                }
                *current = Current { client, number: current.number + 1, failures: 0, has_worked: false };
                self.replaced.fetch_add(1, Ordering::Relaxed);
            }
            // Keeps the old one. The next failure tries again.
            Err(error) => tracing::warn!(%error, "a new EventStoreDB client could not be created"),
        }
    }

    /// A poisoned lock is safe to use: every change is one step.
    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
