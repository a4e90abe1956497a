//! The engine: keeps the live generations up with the log, one process at a time.
//!
//! The leader holds an advisory lock on a connection of its own; another process takes over when that connection ends.
//! Correctness does not rest on the lock: a batch commits only where the checkpoint still stands where it was read.

use std::sync::Arc;
use std::time::Duration;

use daybook_event_log::vault::Vault;
use daybook_event_log::{EventLog, Filter, Position, Recorded, RecordedStream};
use deadpool_postgres::{ClientWrapper, Object, Pool};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::ViewError;
use crate::generation::{self, Standing};
use crate::projector::Projector;

/// Advisory lock that the leader holds. The event log has numbers of its own.
const LEADER_LOCK: i64 = i64::from_be_bytes(*b"dayview\x01");

/// How often a standby tries to become the leader.
const STANDBY_PAUSE: Duration = Duration::from_millis(500);

/// How often the leader makes sure that its lock still stands, when there is nothing to do.
const LEADER_CHECK: Duration = Duration::from_secs(1);

/// Pause after a failure, before the engine starts again from the checkpoint: first and longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// Events in one batch, at most.
const MAX_BATCH_EVENTS: usize = 500;

/// Keeps the live generations up with the log.
#[derive(Debug, Clone)]
pub struct Engine {
    log: Arc<dyn EventLog>,
    vault: Vault,
    pool: Pool,
}

impl Engine {
    /// An engine over a log and the views' database.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool) -> Self {
        Self { log, vault, pool }
    }

    /// Runs until told to stop. Failures are logged and tried again from the checkpoint, for ever: a view that cannot
    /// be kept up falls behind, which readiness and metrics show.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut pause = PAUSES.0;
        while !*stop.borrow() {
            let outcome = tokio::select! {
                outcome = self.lead() => outcome,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            pause = match outcome {
                Ok(()) | Err(ViewError::Overtaken { .. }) => PAUSES.0,
                Err(error) => {
                    tracing::warn!(error = %crate::describe(&error), "the views fell behind; trying again");
                    (pause * 2).min(PAUSES.1)
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Becomes the leader, then applies batches until something is in the way.
    async fn lead(&self) -> Result<(), ViewError> {
        let leader = self.become_leader().await?;
        let standings = generation::live(&self.pool.get().await?).await?;
        let Some(start) = standings.iter().map(|standing| standing.position).min() else {
            // Nothing to keep up until a view is built.
            sleep(STANDBY_PAUSE).await;
            return Ok(());
        };
        let mut projector = Projector::at(&self.log, &self.vault, start).await?;
        let mut events = self.log.follow(start, &Filter::all()).await?;
        loop {
            let Ok(first) = tokio::time::timeout(LEADER_CHECK, events.next()).await else {
                leader.simple_query("").await?;
                self.check_standings(projector.position()).await?;
                continue;
            };
            let Some(first) = first else { return Ok(()) };
            let mut batch = vec![first?];
            fill(&mut batch, &mut events, next_stop(&standings, projector.position()))?;
            projector.move_live(&self.pool, &batch).await?;
            if standings.iter().any(|standing| standing.position == projector.position()) {
                // A generation that was ahead has been reached: from here on it moves too.
                return Ok(());
            }
        }
    }

    /// Waits for the lock. The connection is taken out of the pool, so that the lock ends with it.
    async fn become_leader(&self) -> Result<ClientWrapper, ViewError> {
        let client = Object::take(self.pool.get().await?);
        loop {
            let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LEADER_LOCK]).await?;
            if row.try_get(0)? {
                return Ok(client);
            }
            sleep(STANDBY_PAUSE).await;
        }
    }

    /// Makes sure that what serves still stands where the projector does; a promotion may have changed it.
    async fn check_standings(&self, position: Position) -> Result<(), ViewError> {
        let standings = generation::live(&self.pool.get().await?).await?;
        match standings.iter().find(|standing| standing.position != position) {
            Some(standing) => Err(ViewError::Overtaken { generation: standing.generation }),
            None => Ok(()),
        }
    }
}

/// The position at which a batch must end because a live generation that is ahead stands there.
fn next_stop(standings: &[Standing], position: Position) -> Option<Position> {
    standings.iter().map(|standing| standing.position).filter(|ahead| *ahead > position).min()
}

/// Adds the events that are there already, up to a full batch or the stop.
fn fill(
    batch: &mut Vec<Recorded>,
    events: &mut RecordedStream,
    stop: Option<Position>,
) -> Result<(), ViewError> {
    let at_stop = |batch: &[Recorded]| batch.last().map(|event| event.position) >= stop && stop.is_some();
    while batch.len() < MAX_BATCH_EVENTS && !at_stop(batch) {
        match events.next().now_or_never() {
            Some(Some(event)) => batch.push(event?),
            Some(None) | None => break,
        }
    }
    Ok(())
}
