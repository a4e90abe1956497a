//! The moment of a backup: one snapshot of the database, to dump from, and what was in it then.
//!
//! Everything that is said of a moment is read in its snapshot, so that it fits a dump of it however many bookings go on.

use daybook_event_log::Position;
use deadpool_postgres::{Client, Transaction};
use serde::{Deserialize, Serialize};

use crate::control::error::ViewError;
use crate::control::generation;
use crate::control::ids::Generation;
use crate::projection::canonical::Digest;
use crate::projection::day_digests;
use crate::store::rows;

/// A server that ends idle sessions must not end the one that holds the snapshot.
const STAY: &str = "SET LOCAL idle_in_transaction_session_timeout = 0";

/// What is counted in it.
const COUNTS: &str = "
    SELECT (SELECT coalesce(max(position), 0) FROM event_log.events),
           (SELECT count(*) FROM privacy.keys WHERE wrapped_key IS NOT NULL)";

/// A moment of the database.
pub struct Snapshot<'a> {
    transaction: Transaction<'a>,
    snapshot: String,
}

/// What the database held at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSummary {
    /// Position of the last event that the log has in this database; [`Position::START`] where the log is elsewhere.
    pub log_end: Position,
    /// Keys by which patients' details can still be read.
    pub keys: u64,
    /// What each view that served held.
    pub views: Vec<Held>,
}

/// What a view held that served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Its generation.
    pub generation: Generation,
    /// Up to where it held everything.
    pub position: Position,
    /// Events up to there that it could not take in.
    pub parked: u64,
    /// Its reservations.
    pub reservations: u64,
    /// Digest of all their facts.
    pub digest: Digest,
}

impl<'a> Snapshot<'a> {
    /// Takes a snapshot that others can read by its name, for as long as this is there.
    pub async fn take(client: &'a mut Client) -> Result<Self, ViewError> {
        let transaction = rows::snapshot(client).await?;
        transaction.batch_execute(STAY).await?;
        let snapshot = transaction.query_one("SELECT pg_export_snapshot()", &[]).await?.try_get(0)?;
        Ok(Self { transaction, snapshot })
    }

    /// The name under which `pg_dump --snapshot` finds it.
    pub fn snapshot(&self) -> &str {
        &self.snapshot
    }

    /// Looks at what was there.
    ///
    /// # Errors
    /// When the database cannot be read; also when a view was dropped since the moment, which is worth another try.
    pub async fn look(&self) -> Result<DatabaseSummary, ViewError> {
        let counts = self.transaction.query_one(COUNTS, &[]).await?;
        let end: i64 = counts.try_get(0)?;
        let keys: i64 = counts.try_get(1)?;
        let mut views = Vec::new();
        for standing in generation::live(&self.transaction).await? {
            let (generation, position, parked) = (standing.generation, standing.position, standing.parked);
            let days = rows::read_digests(&self.transaction, generation).await?;
            let (reservations, digest) = (day_digests::reservations(&days), day_digests::total(&days));
            views.push(Held { generation, position, parked, reservations, digest });
        }
        let log_end =
            Position::from_parts(end, end).map_err(|_| ViewError::Control { what: "a position" })?;
        Ok(DatabaseSummary { log_end, keys: keys.unsigned_abs(), views })
    }
}
