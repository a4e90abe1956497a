//! The session of the leader, and of those who would be: its lock, its epoch, and transactions that the epoch fences.
//!
//! Lock and batches share one session on purpose. Whoever ends it takes the lock and undoes the batch that was under way,
//! with the row locks that would be in the next leader's way.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object, Pool, Transaction};

use super::{IS_LEADER_LOCK, LEADER_SILENCE, Process};
use crate::control::error::ViewError;
use crate::control::ids::Epoch;
use crate::control::locks;

/// How often a standby tries to become the leader.
const STANDBY_PAUSE: Duration = Duration::from_millis(500);

/// How soon it tries again once it has ended a silent leader's session.
const RELEASE_PAUSE: Duration = Duration::from_millis(50);

/// The epoch, held until the transaction ends. Beats pass, since they leave the key alone; whoever would raise the epoch
/// waits for the batch that is under way.
const FENCE: &str = "SELECT FROM control.leader WHERE epoch = $1 FOR KEY SHARE";

/// A session that waits for the lock. It is taken out of its pool, so that the lock ends with this value.
#[derive(Debug)]
pub(crate) struct Candidate(ClientWrapper);

impl Candidate {
    /// A session for somebody who would lead.
    pub(crate) async fn open(pool: &Pool) -> Result<Self, ViewError> {
        let client = Object::take(pool.get().await?);
        // All its lookups are by index. The session is kept for as long as it leads, and a plan that was made while the
        // views were small must not stay a scan.
        client.batch_execute("SET enable_seqscan = off").await?;
        Ok(Self(client))
    }

    /// Tries to get the lock.
    pub(crate) async fn try_lock(&self) -> Result<bool, ViewError> {
        Ok(self.0.query_one("SELECT pg_try_advisory_lock($1)", &[&locks::LEADER]).await?.try_get(0)?)
    }

    /// Ends the leader's session if that is silent. Gives how long to wait until the next try for the lock.
    pub(crate) async fn end_silent(&self) -> Result<Duration, ViewError> {
        // The first condition is looked at once, so that nobody searches the locks while the leader beats. The row may not
        // be the holder's: it could have been stopped before it entered itself, or be of a release that does not beat.
        // Then it counts when its session was last heard of.
        let sql = format!(
            "SELECT pg_terminate_backend(l.pid)
             FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             LEFT JOIN control.leader r ON r.backend_pid = l.pid
             WHERE (SELECT coalesce(beat_at < clock_timestamp() - make_interval(secs => $2), true) FROM control.leader)
               AND {IS_LEADER_LOCK}
               AND coalesce(r.beat_at, a.state_change) < clock_timestamp() - make_interval(secs => $2)"
        );
        let ended = self.0.query(&sql, &[&locks::LEADER, &LEADER_SILENCE.as_secs_f64()]).await?;
        if ended.is_empty() {
            return Ok(STANDBY_PAUSE);
        }
        tracing::warn!("the process that keeps the views up is silent: its session is ended");
        Ok(RELEASE_PAUSE)
    }

    /// Enters who leads under the next epoch. To be called by the holder of the lock.
    pub(crate) async fn lead(mut self, process: &Process) -> Result<Session, ViewError> {
        let transaction = self.0.transaction().await?;
        // The strongest lock: the update alone would not wait for a batch that holds the epoch.
        transaction.execute("SELECT FROM control.leader FOR UPDATE", &[]).await?;
        let row = transaction
            .query_one(
                "UPDATE control.leader SET epoch = epoch + 1, host = $1, pid = $2, backend_pid = pg_backend_pid(),
                     since = clock_timestamp(), beat_at = clock_timestamp() RETURNING epoch",
                &[&process.host, &i64::from(process.pid)],
            )
            .await?;
        let epoch = Epoch::from_sql(row.try_get(0)?);
        transaction.commit().await?;
        Ok(Session { client: self.0, epoch })
    }
}

/// The session of a leader.
#[derive(Debug)]
pub(crate) struct Session {
    client: ClientWrapper,
    epoch: Epoch,
}

impl Session {
    /// The number of its leadership.
    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Begins a transaction that commits before the next leader's epoch or not at all.
    ///
    /// Fails with [`ViewError::Deposed`] where there is another leader already.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_>, ViewError> {
        let transaction = self.client.transaction().await?;
        let fence = transaction.prepare_cached(FENCE).await?;
        match transaction.query_opt(&fence, &[&self.epoch.to_sql()]).await? {
            Some(_) => Ok(transaction),
            None => Err(ViewError::Deposed { epoch: self.epoch }),
        }
    }
}
