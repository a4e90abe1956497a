//! Leader election: one process keeps the live views up to date, known by a row and fenced by its epoch.
//!
//! The leader holds an advisory lock on the session that writes its batches, and raises the epoch before the first
//! batch. PostgreSQL keeps the session of a stopped process or a hanging machine, so the leader also sends heartbeats,
//! and a standby ends the session of a silent leader. Nothing here decides what is written.

mod heartbeat;
mod session;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use serde::Serialize;
use tokio_postgres::Row;

use crate::control::error::ViewError;
use crate::control::ids::Epoch;
use crate::control::locks;
pub(crate) use heartbeat::Heartbeat;
pub(crate) use session::{Candidate, Session};

/// How long a leader may be silent, by the database's clock, before a standby ends its session. A few heartbeats long,
/// so that a late one has no effect.
pub const LEADER_SILENCE: Duration = Duration::from_secs(3);

/// Selects the leader's lock from `pg_locks l`, which shows its 64 bits ($1) in two halves.
const IS_LEADER_LOCK: &str = "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = $1";

/// Identifies a process for people. Nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Name of the machine or container.
    pub host: String,
    /// Process id on that machine.
    pub pid: u32,
}

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.pid, self.host)
    }
}

/// The role of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Another process is the leader, or this one cannot lead at the moment. It takes over when it can.
    Standby,
    /// This process keeps the views up to date.
    Leader(Epoch),
}

/// The present or last leader.
#[derive(Debug, Clone, Serialize)]
pub struct Leader {
    pub epoch: Epoch,
    #[serde(flatten)]
    pub process: Process,
    /// When it became the leader.
    pub since: DateTime<Utc>,
    /// Whether it still holds the lock. If not, there is no leader at the moment.
    pub holds_lock: bool,
    /// Seconds since its last heartbeat.
    pub silent_seconds: f64,
}

impl Leader {
    fn read(row: &Row) -> Result<Self, ViewError> {
        let pid: i64 = row.try_get("pid")?;
        let pid = u32::try_from(pid).map_err(|_| ViewError::Control { what: "a process id" })?;
        Ok(Self {
            epoch: Epoch::from_sql(row.try_get("epoch")?),
            process: Process { host: row.try_get("host")?, pid },
            since: row.try_get("since")?,
            holds_lock: row.try_get("holds_lock")?,
            silent_seconds: row.try_get("silent_seconds")?,
        })
    }
}

/// The present or last leader; none if there has never been one.
pub async fn current(client: &impl GenericClient) -> Result<Option<Leader>, ViewError> {
    let sql = format!(
        "SELECT r.epoch, r.host, r.pid, r.since,
                EXISTS (SELECT FROM pg_locks l WHERE {IS_LEADER_LOCK} AND l.pid = r.backend_pid) AS holds_lock,
                greatest(extract(epoch FROM clock_timestamp() - r.beat_at), 0)::float8 AS silent_seconds
         FROM control.leader r WHERE r.epoch > 0"
    );
    client.query_opt(&sql, &[&locks::LEADER]).await?.as_ref().map(Leader::read).transpose()
}
