//! The engine keeps the live generations up to date with the log, in one process at a time.
//!
//! [`crate::control::leader`] elects that process. Correctness does not depend on there being only one: a batch commits
//! only under the current epoch, and only if the checkpoint is still where the batch was read.

mod batch;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use daybook_event_log::{Backoff, EventLog, Filter, Position};
use daybook_vault::Vault;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::control::error::{ViewError, describe};
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::{Epoch, Generation};
use crate::control::leader::{self, Candidate, Heartbeat, Process, Role, Session};
use crate::live::parked::Mode;
use crate::live::projector::Projector;
pub use batch::{Batch, Batches};
use batch::{BatchSize, EventFeed};

/// How often the leader looks for a live view while there is none.
const NO_VIEW_PAUSE: Duration = Duration::from_millis(50);

/// How often an idle leader checks that it still leads and which generations are live.
const LEADER_CHECK: Duration = Duration::from_secs(1);

/// First and longest pause after a failure before the engine starts again from the checkpoint.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// Failures of one batch after which the event that causes them is looked for, whatever PostgreSQL's error is. With the
/// pauses between them this takes a few seconds, which a lock or a restart of the server usually does not last.
const TRIES: u32 = 8;

/// Failures of the batch after one position, by one process.
#[derive(Debug, Default)]
struct Failures {
    after: Option<Position>,
    count: u32,
}

impl Failures {
    fn record(&mut self, after: Position) {
        self.count = if self.after == Some(after) { self.count.saturating_add(1) } else { 1 };
        self.after = Some(after);
    }

    /// How to apply the batch after a position.
    fn mode(&self, after: Position) -> Mode {
        if self.after == Some(after) && self.count >= TRIES { Mode::Isolated } else { Mode::Whole }
    }
}

/// Keeps the live generations up to date with the log.
#[derive(Debug, Clone)]
pub struct Engine {
    log: Arc<dyn EventLog>,
    vault: Vault,
    pool: Pool,
    process: Process,
    role: watch::Sender<Option<Role>>,
    batches: Batches,
}

impl Engine {
    /// An engine over a log and the views' database. `process` is shown to people.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool, process: Process) -> Self {
        Self { log, vault, pool, process, role: watch::Sender::new(None), batches: Batches::new() }
    }

    /// The engine's role as it changes; none until it is known.
    pub fn role(&self) -> watch::Receiver<Option<Role>> {
        self.role.subscribe()
    }

    /// The committed batches, for metrics.
    pub fn batches(&self) -> Batches {
        self.batches.clone()
    }

    /// Runs until it is told to stop. Failures are logged and retried from the checkpoint without end: a view that
    /// cannot be updated falls behind, which readiness and metrics show.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::between(PAUSES.0, PAUSES.1);
        let mut failures = Failures::default();
        while !*stop.borrow() {
            let since = Instant::now();
            let Err(error) = tokio::select! {
                outcome = self.lead(&mut failures) => outcome,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            self.become_known(Role::Standby);
            if since.elapsed() > PAUSES.1 {
                backoff.reset();
            }
            log_failure(&error);
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Becomes the leader and then keeps the views up to date until something fails.
    async fn lead(&self, failures: &mut Failures) -> Result<Infallible, ViewError> {
        let mut session = self.become_leader().await?;
        let epoch = session.epoch();
        let heartbeat = Heartbeat::open(&self.pool, epoch).await?;
        tracing::info!(%epoch, "this process is the leader and keeps the views up to date");
        self.become_known(Role::Leader(epoch));
        let outcome = tokio::select! {
            outcome = self.keep_up(&mut session, failures) => outcome,
            outcome = heartbeat.run() => outcome,
        };
        drop((session, heartbeat));
        // A leader whose session was ended by a standby usually sees a lost connection first.
        if self.has_successor(epoch).await { Err(ViewError::Deposed { epoch }) } else { outcome }
    }

    /// Waits for the lock and records this process as the leader.
    async fn become_leader(&self) -> Result<Session, ViewError> {
        let candidate = Candidate::open(&self.pool).await?;
        while !candidate.try_lock().await? {
            self.become_known(Role::Standby);
            sleep(candidate.end_silent().await?).await;
        }
        candidate.lead(&self.process).await
    }

    async fn has_successor(&self, epoch: Epoch) -> bool {
        let Ok(client) = self.pool.get().await else { return false };
        matches!(leader::current(&client).await, Ok(Some(leader)) if leader.epoch > epoch)
    }

    /// Projects. Starts again from the checkpoint if a promotion changed the live generations.
    async fn keep_up(&self, session: &mut Session, failures: &mut Failures) -> Result<Infallible, ViewError> {
        loop {
            match self.project(session, failures).await {
                Ok(()) | Err(ViewError::Overtaken { .. }) => sleep(PAUSES.0).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Applies batches from the checkpoint on until the live generations change.
    async fn project(&self, session: &mut Session, failures: &mut Failures) -> Result<(), ViewError> {
        let transaction = session.begin().await?;
        let statuses = generation::live(&transaction).await?;
        let Some(start) = statuses.iter().map(|status| status.position).min() else {
            // Nothing to do until a view is built.
            sleep(NO_VIEW_PAUSE).await;
            return Ok(());
        };
        let live: Vec<Generation> = statuses.iter().map(|status| status.generation).collect();
        let mut projector = Projector::at(&self.log, &self.vault, &transaction, &live, start).await?;
        transaction.rollback().await?;
        let mut intake = EventFeed::new(self.log.follow(start, &Filter::all()).await?);
        let mut size = BatchSize::new();
        loop {
            let Ok(first) = tokio::time::timeout(LEADER_CHECK, intake.next()).await else {
                check_standings(session, projector.position()).await?;
                continue;
            };
            let Some(first) = first else { return Ok(()) };
            let mut batch = vec![first?];
            intake.fill(&mut batch, &size, next_stop(&statuses, projector.position()))?;
            let (since, after) = (Instant::now(), projector.position());
            let applied = tokio::select! {
                applied = projector.move_live(session, &batch, failures.mode(after)) => applied,
                never = intake.fetch_ahead() => match never {},
            };
            if let Err(error) = &applied
                && error.as_fault().is_some()
            {
                failures.record(after);
            }
            applied?;
            size.adjust(batch.len(), since.elapsed());
            self.batches.report(batch.len(), since.elapsed());
            if statuses.iter().any(|status| status.position == projector.position()) {
                // The batch has reached a generation that was ahead. From here on that one moves too.
                return Ok(());
            }
        }
    }

    /// Publishes the engine's role if it changed.
    fn become_known(&self, role: Role) {
        self.role.send_if_modified(|known| {
            let is_news = *known != Some(role);
            if is_news && role == Role::Standby {
                tracing::info!("this process is a standby");
            }
            *known = Some(role);
            is_news
        });
    }
}

/// Logs why this process stopped updating the views.
fn log_failure(error: &ViewError) {
    if let ViewError::Deposed { epoch } = error {
        tracing::warn!(%epoch, "another process took the views over; this one is a standby and has written nothing since");
    } else {
        tracing::warn!(error = %describe(error), "the views could not be updated; retrying");
    }
}

/// Checks that this process still leads and that the live generations are still at the projector's position. A
/// promotion may have changed them.
async fn check_standings(session: &mut Session, position: Position) -> Result<(), ViewError> {
    let statuses = generation::live(&session.begin().await?).await?;
    match statuses.iter().find(|status| status.position != position) {
        Some(status) => Err(ViewError::Overtaken { generation: status.generation }),
        None => Ok(()),
    }
}

/// The position at which a batch must end because a live generation is ahead of the projector there.
fn next_stop(statuses: &[GenerationStatus], position: Position) -> Option<Position> {
    statuses.iter().map(|status| status.position).filter(|ahead| *ahead > position).min()
}
