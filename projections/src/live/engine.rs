//! The engine keeps the live generations up to date with the log, in one process at a time.
//!
//! [`crate::control::leader`] elects that process. Correctness does not depend on there being only one: a batch commits
//! only under the current epoch, and only if the checkpoint is still where the batch was read.
//!
//! A generation that cannot be written is set aside and never stops the other one.

mod batch;
mod lane;
mod set_aside;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use daybook_event_log::{Backoff, EventLog, Position, RecordedEvent};
use daybook_vault::Vault;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;

use crate::control::error::{ViewError, describe};
use crate::control::ids::Epoch;
use crate::control::leader::{self, Candidate, Heartbeat, Process, Role, Session};
use crate::control::notify::commit_and_announce;
use crate::control::{generation, write_failure};
use crate::live::projector::{Projector, Unwritten};
pub use batch::{Batch, Batches};
use lane::Lane;
use set_aside::SetAside;

/// How often the leader looks for a live view while there is none.
const NO_VIEW_PAUSE: Duration = Duration::from_millis(50);

/// How often an idle leader checks that it still leads and which generations are live.
const LEADER_CHECK: Duration = Duration::from_secs(1);

/// First and longest pause after a failure before a start from the checkpoint: of the engine, or of one generation.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

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
    /// cannot be updated falls behind, which readiness and metrics show with the cause.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::between(PAUSES.0, PAUSES.1);
        let mut aside = SetAside::default();
        while !*stop.borrow() {
            let since = Instant::now();
            let Err(error) = tokio::select! {
                outcome = self.lead(&mut aside) => outcome,
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
    async fn lead(&self, aside: &mut SetAside) -> Result<Infallible, ViewError> {
        let mut session = self.become_leader().await?;
        let epoch = session.epoch();
        let heartbeat = Heartbeat::open(&self.pool, epoch).await?;
        tracing::info!(%epoch, "this process is the leader and keeps the views up to date");
        self.become_known(Role::Leader(epoch));
        let outcome = tokio::select! {
            outcome = self.keep_up(&mut session, aside) => outcome,
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
    async fn keep_up(&self, session: &mut Session, aside: &mut SetAside) -> Result<Infallible, ViewError> {
        loop {
            match self.project(session, aside).await {
                Ok(()) | Err(ViewError::Overtaken { .. }) => sleep(PAUSES.0).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Applies batches from the checkpoints on until the live generations change. Generations that are behind catch up beside
    /// the others, batch by batch, and join them.
    async fn project(&self, session: &mut Session, aside: &mut SetAside) -> Result<(), ViewError> {
        let statuses = generation::live(&session.begin().await?).await?;
        aside.retain_live(&statuses);
        let due = statuses.iter().filter(|status| aside.is_due(status.generation));
        let Some(at) = due.map(|status| status.position).max() else {
            // Nothing to do until a view is built, or can be tried again.
            sleep(aside.until_next_try().unwrap_or(NO_VIEW_PAUSE).min(LEADER_CHECK)).await;
            return Ok(());
        };
        let mut front = Lane::open(self, session, &statuses, aside, at).await?;
        let mut behind: Option<Lane> = None;
        loop {
            if behind.is_none() && front.projector.apart().iter().any(|apart| aside.is_due(*apart)) {
                behind = self.open_behind(session, aside, &front.projector).await?;
                if behind.is_none() {
                    return Ok(());
                }
            }
            let pause = match behind {
                Some(_) => Duration::ZERO,
                None => aside.until_next_try().unwrap_or(LEADER_CHECK).min(LEADER_CHECK),
            };
            match tokio::time::timeout(pause, front.feed.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(first)) => self.advance(session, aside, &mut front, first?, None).await?,
                Err(_) if behind.is_none() => check_standings(session, &front.projector).await?,
                Err(_) => {}
            }
            if front.projector.is_empty() {
                return Ok(());
            }
            let Some(lane) = &mut behind else { continue };
            let Some(first) = lane.feed.next().await else { return Ok(()) };
            let joint = front.projector.position();
            self.advance(session, aside, lane, first?, Some(joint)).await?;
            if lane.projector.is_empty() {
                behind = None;
            } else if lane.projector.position() >= joint {
                // From here on they move together.
                return Ok(());
            }
        }
    }

    /// A lane of a generation that is due, behind another lane. None if it is not behind, or not live any more.
    async fn open_behind(
        &self,
        session: &mut Session,
        aside: &SetAside,
        front: &Projector,
    ) -> Result<Option<Lane>, ViewError> {
        let statuses = generation::live(&session.begin().await?).await?;
        let is_due = |generation| front.apart().contains(&generation) && aside.is_due(generation);
        let due = statuses.iter().find(|status| is_due(status.generation));
        match due.filter(|due| due.position < front.position()) {
            Some(due) => Lane::open(self, session, &statuses, aside, due.position).await.map(Some),
            None => Ok(None),
        }
    }

    /// Applies a lane's next batch, and sets generations aside that cannot be written.
    async fn advance(
        &self,
        session: &mut Session,
        aside: &mut SetAside,
        lane: &mut Lane,
        first: RecordedEvent,
        stop: Option<Position>,
    ) -> Result<(), ViewError> {
        let at = lane.projector.position();
        let mut unwritten = lane.advance(self, session, first, stop, aside).await?;
        let outage = unwritten.iter().position(|(_, error)| error.is_outage());
        if let Some(outage) = outage.filter(|_| lane.projector.is_empty() && stop.is_none()) {
            // No view was written that would show that the database is not the cause.
            return Err(unwritten.swap_remove(outage).1);
        }
        for generation in lane.projector.generations().filter(|generation| aside.remove(*generation)) {
            tracing::info!(%generation, "the view can be written again");
        }
        for (generation, error) in unwritten {
            set_aside(session, aside, at, (generation, error)).await?;
        }
        Ok(())
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

/// Checks that this process still leads and that the live generations are still where a lane expects them. A promotion may
/// have changed them.
async fn check_standings(session: &mut Session, lane: &Projector) -> Result<(), ViewError> {
    lane.check_standings(&generation::live(&session.begin().await?).await?)
}

/// Sets a generation aside that cannot be written from its checkpoint on, and records why.
async fn set_aside(
    session: &mut Session,
    aside: &mut SetAside,
    at: Position,
    (generation, error): Unwritten,
) -> Result<(), ViewError> {
    session.forget_statements();
    let (cause, sqlstate) = error.write_failure();
    aside.insert(generation, at);
    if !aside.is_news(generation, &cause) {
        return Ok(());
    }
    let sqlstate = sqlstate.map(SqlState::code);
    tracing::error!(%generation, cause, sqlstate, "the view cannot be written and stays where it is; trying again from time to time");
    let transaction = session.begin().await?;
    match write_failure::record(&transaction, generation, &cause, sqlstate).await {
        Err(error) if error.is_lock_timeout() => Err(ViewError::Overtaken { generation }),
        recorded => recorded,
    }?;
    commit_and_announce(transaction).await?;
    aside.note_recorded(generation, cause);
    Ok(())
}
