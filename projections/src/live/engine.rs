//! The engine: keeps the live generations up with the log, one process at a time.
//!
//! Which process that is, [`crate::control::leader`] says. Correctness does not rest on there being one: a batch commits only under
//! the epoch of the present leader, and only where the checkpoint still stands where it was read.

mod batch;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use daybook_event_log::{EventLog, Filter, Position};
use daybook_vault::Vault;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::control::error::{ViewError, describe};
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::{Epoch, Generation};
use crate::control::leader::{self, Candidate, Process, Pulse, Role, Session};
use crate::live::projector::Projector;
pub use batch::{Batch, Batches};
use batch::{BatchSize, EventFeed};

/// How often the leader looks for a view that was built, where there is none.
const NO_VIEW_PAUSE: Duration = Duration::from_millis(500);

/// How often the leader makes sure that it still leads and of what, when there is nothing to do.
const LEADER_CHECK: Duration = Duration::from_secs(1);

/// Pause after a failure, before the engine starts again from the checkpoint: first and longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// Keeps the live generations up with the log.
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
    /// An engine over a log and the views' database, in a process that others may be told of.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool, process: Process) -> Self {
        Self { log, vault, pool, process, role: watch::Sender::new(None), batches: Batches::new() }
    }

    /// What it is, as that changes; nothing until it knows.
    pub fn role(&self) -> watch::Receiver<Option<Role>> {
        self.role.subscribe()
    }

    /// Where it tells of the batches that it commits, for whoever measures them.
    pub fn batches(&self) -> Batches {
        self.batches.clone()
    }

    /// Runs until told to stop. Failures are logged and tried again from the checkpoint, for ever: a view that cannot
    /// be kept up falls behind, which readiness and metrics show.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut pause = PAUSES.0;
        while !*stop.borrow() {
            let since = Instant::now();
            let Err(error) = tokio::select! {
                outcome = self.lead() => outcome,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            self.become_known(Role::Standby);
            if since.elapsed() > PAUSES.1 {
                pause = PAUSES.0;
            }
            tell(&error);
            tokio::select! {
                () = sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Becomes the leader, then keeps the views up until something is in the way.
    async fn lead(&self) -> Result<Infallible, ViewError> {
        let mut session = self.become_leader().await?;
        let epoch = session.epoch();
        let pulse = Pulse::open(&self.pool, epoch).await?;
        tracing::info!(%epoch, "this process keeps the views up");
        self.become_known(Role::Leader(epoch));
        let outcome = tokio::select! {
            outcome = self.keep_up(&mut session) => outcome,
            outcome = pulse.beat_on() => outcome,
        };
        drop((session, pulse));
        // A leader whose session a standby has ended mostly learns first that it lost its connection.
        if self.has_successor(epoch).await { Err(ViewError::Deposed { epoch }) } else { outcome }
    }

    /// Waits for the lock, then enters this process under the next epoch.
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

    /// Projects, and starts again from the checkpoint where a promotion changed what serves.
    async fn keep_up(&self, session: &mut Session) -> Result<Infallible, ViewError> {
        loop {
            match self.project(session).await {
                Ok(()) | Err(ViewError::Overtaken { .. }) => sleep(PAUSES.0).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Applies batches from the checkpoint on, until what serves has changed.
    async fn project(&self, session: &mut Session) -> Result<(), ViewError> {
        let transaction = session.begin().await?;
        let standings = generation::live(&transaction).await?;
        let Some(start) = standings.iter().map(|standing| standing.position).min() else {
            // Nothing to keep up until a view is built.
            sleep(NO_VIEW_PAUSE).await;
            return Ok(());
        };
        let live: Vec<Generation> = standings.iter().map(|standing| standing.generation).collect();
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
            intake.fill(&mut batch, &size, next_stop(&standings, projector.position()))?;
            let since = Instant::now();
            tokio::select! {
                applied = projector.move_live(session, &batch) => applied?,
                never = intake.fetch_ahead() => match never {},
            }
            size.learn(batch.len(), since.elapsed());
            self.batches.tell(batch.len(), since.elapsed());
            if standings.iter().any(|standing| standing.position == projector.position()) {
                // A generation that was ahead has been reached: from here on it moves too.
                return Ok(());
            }
        }
    }

    /// Makes known what this engine is, if that has changed.
    fn become_known(&self, role: Role) {
        self.role.send_if_modified(|known| {
            let is_news = *known != Some(role);
            if is_news && role == Role::Standby {
                tracing::info!("this process stands by to keep the views up");
            }
            *known = Some(role);
            is_news
        });
    }
}

/// Says why this process does not keep the views up any more.
fn tell(error: &ViewError) {
    if let ViewError::Deposed { epoch } = error {
        tracing::warn!(%epoch, "another process took the views over; this one stands by and wrote nothing since");
    } else {
        tracing::warn!(error = %describe(error), "the views fell behind; trying again");
    }
}

/// Makes sure that this process still leads and that what serves still stands where the projector does; a promotion may
/// have changed it.
async fn check_standings(session: &mut Session, position: Position) -> Result<(), ViewError> {
    let standings = generation::live(&session.begin().await?).await?;
    match standings.iter().find(|standing| standing.position != position) {
        Some(standing) => Err(ViewError::Overtaken { generation: standing.generation }),
        None => Ok(()),
    }
}

/// The position at which a batch must end because a live generation that is ahead stands there.
fn next_stop(standings: &[GenerationStatus], position: Position) -> Option<Position> {
    standings.iter().map(|standing| standing.position).filter(|ahead| *ahead > position).min()
}
