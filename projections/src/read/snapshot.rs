//! The snapshot of a backup: one consistent state of the database to dump, and a summary of it.
//!
//! The summary is read in the same snapshot, so it matches the dump however many bookings are made meanwhile.

use daybook_event_log::Position;
use deadpool_postgres::{Client, Transaction};
use serde::{Deserialize, Serialize};

use crate::control::error::{ViewError, describe};
use crate::control::generation;
use crate::control::ids::Generation;
use crate::projection::canonical::Digest;
use crate::projection::day_digests::{self, DayDigests};
use crate::store::rows;

/// A server that ends idle sessions must not end the one that holds the snapshot.
const STAY: &str = "SET LOCAL idle_in_transaction_session_timeout = 0";

/// The counts of the summary.
const COUNTS: &str = "
    SELECT (SELECT coalesce(max(position), 0) FROM event_log.events),
           (SELECT count(*) FROM privacy.keys WHERE wrapped_key IS NOT NULL)";

/// A snapshot of the database.
pub struct Snapshot<'a> {
    transaction: Transaction<'a>,
    snapshot: String,
}

/// A summary of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSummary {
    /// Position of the last event in this database; [`Position::START`] if the log is elsewhere.
    pub log_end: Position,
    /// Keys that can still decrypt patients' details.
    pub keys: u64,
    pub views: Vec<ViewSummary>,
}

/// A summary of a live view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct ViewSummary {
    pub generation: Generation,
    pub position: Position,
    /// Parked events up to the checkpoint.
    pub parked: u64,
    pub reservations: u64,
    /// Digest of all its reservations.
    pub digest: Digest,
}

impl<'a> Snapshot<'a> {
    /// Takes a snapshot that other sessions can import by name while this value exists.
    pub async fn take(client: &'a mut Client) -> Result<Self, ViewError> {
        let transaction = rows::snapshot(client).await?;
        transaction.batch_execute(STAY).await?;
        let snapshot = transaction.query_one("SELECT pg_export_snapshot()", &[]).await?.try_get(0)?;
        Ok(Self { transaction, snapshot })
    }

    /// The name for `pg_dump --snapshot`.
    pub fn snapshot(&self) -> &str {
        &self.snapshot
    }

    /// Reads the summary.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn summarize(&self) -> Result<DatabaseSummary, ViewError> {
        let counts = self.transaction.query_one(COUNTS, &[]).await?;
        let end: i64 = counts.try_get(0)?;
        let keys: i64 = counts.try_get(1)?;
        let mut views = Vec::new();
        for status in generation::live(&self.transaction).await? {
            let (generation, position, parked) = (status.generation, status.position, status.parked);
            let Some(days) = self.read_digests(generation).await? else { continue };
            let (reservations, digest) = (day_digests::reservations(&days), day_digests::total(&days));
            views.push(ViewSummary { generation, position, parked, reservations, digest });
        }
        let log_end =
            Position::from_parts(end, end).map_err(|_| ViewError::Control { what: "a position" })?;
        Ok(DatabaseSummary { log_end, keys: keys.unsigned_abs(), views })
    }

    /// The digests of a view; none if its tables cannot be read. A backup leaves the views out, so a broken one prevents none.
    async fn read_digests(&self, generation: Generation) -> Result<Option<DayDigests>, ViewError> {
        self.transaction.batch_execute("SAVEPOINT view").await?;
        match rows::read_digests(&self.transaction, generation).await {
            Err(error) if error.is_the_views_fault() => {
                self.transaction.batch_execute("ROLLBACK TO SAVEPOINT view").await?;
                tracing::warn!(%generation, error = %describe(&error), "the view cannot be read; the backup has no digest of it");
                Ok(None)
            }
            days => Ok(Some(days?)),
        }
    }
}
