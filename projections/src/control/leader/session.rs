//! The session of a leader or a candidate: its lock, its epoch, and transactions that the epoch fences.
//!
//! Lock and batches share one session on purpose. Ending it releases the lock and rolls back the batch in progress
//! together with the row locks that would block the next leader.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object, Pool, Transaction};

use super::{IS_LEADER_LOCK, LEADER_SILENCE, Process};
use crate::control::error::ViewError;
use crate::control::ids::Epoch;
use crate::control::locks;

/// Pause between two attempts of a standby to become the leader.
const STANDBY_PAUSE: Duration = Duration::from_millis(500);

/// Pause before the next attempt after ending a silent leader's session.
const RELEASE_PAUSE: Duration = Duration::from_millis(50);

/// How long a batch waits for a lock of somebody else, until the other view goes on without this one. Waiting to commit has
/// no limit, see [`crate::control::notify::commit_and_announce`].
const LOCK_TIMEOUT: &str = "SET lock_timeout = '250ms'";

/// Locks the epoch until the transaction ends. Heartbeats do not change the key, so they pass; raising the epoch waits
/// for the batch in progress.
const FENCE: &str = "SELECT FROM control.leader WHERE epoch = $1 FOR KEY SHARE";

/// A session that waits for the lock. It is taken out of its pool, so that the lock ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Candidate(ClientWrapper);

impl Candidate {
    /// Opens a session of its own.
    pub(crate) async fn open(pool: &Pool) -> Result<Self, ViewError> {
        let client = Object::take(pool.get().await?);
        // All lookups use an index. The session lives as long as the leadership, and a plan made for small tables must
        // not stay a sequential scan.
        client.batch_execute("SET enable_seqscan = off").await?;
        Ok(Self(client))
    }

    /// Tries to take the lock.
    pub(crate) async fn try_lock(&self) -> Result<bool, ViewError> {
        Ok(self.0.query_one("SELECT pg_try_advisory_lock($1)", &[&locks::LEADER]).await?.try_get(0)?)
    }

    /// Ends the leader's session if the leader is silent. Returns the pause before the next attempt.
    pub(crate) async fn end_silent(&self) -> Result<Duration, ViewError> {
        // The subquery is evaluated once, so the locks are not searched while the leader sends heartbeats. The row may
        // belong to another session than the lock: its holder may have stopped before it inserted itself, or belong to
        // a release without heartbeats. Then the last activity of its session counts.
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
        tracing::warn!("the leader is silent; ended its session");
        Ok(RELEASE_PAUSE)
    }

    /// Records this process as the leader under the next epoch. The caller holds the lock.
    pub(crate) async fn lead(mut self, process: &Process) -> Result<Session, ViewError> {
        let transaction = self.0.transaction().await?;
        // If somebody deleted the row, its epochs are unknown. Those of a clock in milliseconds are higher than any count.
        transaction
            .execute(
                "INSERT INTO control.leader (epoch, host, pid, backend_pid, since, beat_at)
                 VALUES (extract(epoch FROM clock_timestamp()) * 1000, '', 0, 0, clock_timestamp(), clock_timestamp())
                 ON CONFLICT DO NOTHING",
                &[],
            )
            .await?;
        // The strongest lock: the update alone would not wait for a batch that has locked the epoch.
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
        self.0.batch_execute(LOCK_TIMEOUT).await?;
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
    /// Its epoch.
    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Forgets its prepared statements, which may be those for tables as they were.
    pub(crate) fn forget_statements(&self) {
        self.client.statement_cache.clear();
    }

    /// Begins a transaction that commits before the next leader's epoch or not at all.
    ///
    /// Fails with [`ViewError::Deposed`] if there already is another leader.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_>, ViewError> {
        let transaction = self.client.transaction().await?;
        let fence = transaction.prepare_cached(FENCE).await?;
        match transaction.query_opt(&fence, &[&self.epoch.to_sql()]).await? {
            Some(_) => Ok(transaction),
            None => Err(ViewError::Deposed { epoch: self.epoch }),
        }
    }
}
