//! Who keeps the live views up: one process at a time, known to all by a row, and fenced off by its epoch.
//!
//! The leader holds an advisory lock on the session that writes its batches, and raises the epoch before the first of
//! them. PostgreSQL keeps the session of a process that is stopped, or whose machine hangs, so the leader also beats; a
//! standby ends the session of one that falls silent. Nothing here may decide what is written.

mod pulse;
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
pub(crate) use pulse::Pulse;
pub(crate) use session::{Candidate, Session};

/// How long a leader may be silent, by the database's clock, before a standby ends its session: a few beats, so that one
/// that is late costs nothing.
pub const LEADER_SILENCE: Duration = Duration::from_secs(3);

/// Picks the leader's lock out of `pg_locks l`, which shows its 64 bits ($1) in two halves.
const IS_LEADER_LOCK: &str = "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = $1";

/// A process by which people find it: nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Name of its machine or container.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
}

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.pid, self.host)
    }
}

/// What an engine is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Another process keeps the views up, or this one cannot at the moment; it takes over when it can.
    Standby,
    /// It keeps the views up.
    Leader(Epoch),
}

/// Who keeps the views up, or did last.
#[derive(Debug, Clone, Serialize)]
pub struct Leader {
    /// The number of its leadership.
    pub epoch: Epoch,
    /// Who it is.
    #[serde(flatten)]
    pub process: Process,
    /// Since when it has led.
    pub since: DateTime<Utc>,
    /// Whether it still holds the lock; if not, nobody leads at this moment.
    pub holds_lock: bool,
    /// How long ago it last gave a sign of life, in seconds.
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

/// Who keeps the views up, or did last; nobody where no process ever has.
pub async fn current(client: &impl GenericClient) -> Result<Option<Leader>, ViewError> {
    let sql = format!(
        "SELECT r.epoch, r.host, r.pid, r.since,
                EXISTS (SELECT FROM pg_locks l WHERE {IS_LEADER_LOCK} AND l.pid = r.backend_pid) AS holds_lock,
                greatest(extract(epoch FROM clock_timestamp() - r.beat_at), 0)::float8 AS silent_seconds
         FROM control.leader r WHERE r.epoch > 0"
    );
    client.query_opt(&sql, &[&locks::LEADER]).await?.as_ref().map(Leader::read).transpose()
}
