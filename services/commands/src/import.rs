//! Takes over the reservations of the old system, from a CSV export or from its live database.
//!
//! Imported history is fact: it is never refused for capacity, and a wish that nobody can read is kept with its raw
//! text for review. Nothing is lost in silence: every row ends up imported, already there, or listed as rejected with
//! its place, its field and a reason, and never with what stands in the field.
//!
//! The old system may still be written to. A further run takes over what is new and what has changed, whatever column it is
//! in and whether or not `updatedAt` says so, since every row is held against what the log says of it. What was changed here
//! meanwhile is never overruled in silence. A run to which nothing has happened appends nothing.

mod compare;
pub(crate) mod csv;
mod forgotten;
mod known;
mod postgres;
mod reconcile;
mod report;
mod row;
mod run;
mod said;
mod standing;
mod update;

use std::io;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

pub use reconcile::{Count, Found, Reconciliation};
pub use report::{Conflict, ImportReport, MAX_LISTED, MAX_REJECTS_LISTED, Place, Progress, Reason, Reject};

use crate::commands::Commands;
use crate::error::CommandError;
use row::RawRow;

/// Rows that are read, sealed and appended together.
const CHUNK_ROWS: usize = 2000;

/// Bytes of text after which a chunk is full, whatever the number of its rows.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// Chunks that are read ahead of what is appended.
const CHUNKS_AHEAD: usize = 2;

/// Text of one row, at most, in bytes.
const MAX_ROW_BYTES: usize = 64 * 1024;

/// Is told how far an import is, after each chunk.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Why an import broke off. What it had appended stays, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The export could not be read.
    #[error("the export could not be read")]
    Read(#[source] io::Error),
    /// The export has no first line with the names of its columns.
    #[error("the export has no header line that can be read")]
    HeaderUnreadable,
    /// The header lacks columns.
    #[error("the file lacks {}; its first line has to name these columns", columns.join(", "))]
    ColumnsMissing {
        /// Which.
        columns: Vec<&'static str>,
    },
    /// The header names a column twice.
    #[error("the file has the column {column} twice")]
    ColumnTwice {
        /// Which.
        column: &'static str,
    },
    /// The old system's database failed.
    #[error("the old system's database failed")]
    Database(#[source] tokio_postgres::Error),
    /// More rows than a run may hold.
    #[error("a run takes {limit} reservations at the most; split the file by date")]
    TooManyRows {
        /// Rows that one run may hold, those in the log included.
        limit: usize,
    },
    /// What was read could not be recorded.
    #[error("the import could not be recorded")]
    Command(#[source] CommandError),
    /// The task that reads the export ended before its end.
    #[error("reading the export broke off")]
    ReaderEnded(#[source] tokio::task::JoinError),
}

impl<E: Into<CommandError>> From<E> for ImportError {
    fn from(error: E) -> Self {
        Self::Command(error.into())
    }
}

/// Some rows in the order of the source.
#[derive(Default)]
struct Chunk {
    rows: Vec<Result<RawRow, Reject>>,
    row_bytes: usize,
    /// Bytes of the source up to the end of the last row, where the source is a file.
    source_bytes: Option<u64>,
    /// Rows of the source, where it can tell.
    rows_total: Option<u64>,
}

impl Chunk {
    fn add(&mut self, row: Result<RawRow, Reject>) {
        self.row_bytes += row.as_ref().map_or(0, RawRow::size_bytes);
        self.rows.push(row);
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= CHUNK_ROWS || self.row_bytes >= CHUNK_BYTES
    }
}

/// How an import goes about it.
#[derive(Debug, Clone, Default)]
pub struct Takeover {
    /// Take only rows whose `updatedAt` is not before this. One that was changed by hand without it is then not seen.
    pub since: Option<DateTime<Utc>>,
    /// Where a reservation was changed both there and here, take what the old system says.
    pub old_wins: bool,
    /// Account for every row at the end. The source has to be whole.
    pub reconcile: bool,
}

impl Takeover {
    /// Imports a CSV export: a header with the old table's column names in any order, then one reservation a record.
    pub async fn csv(
        &self,
        commands: &Commands,
        reader: impl io::Read + Send + 'static,
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let reading = tokio::task::spawn_blocking(move || csv::read_chunks(reader, &sender));
        let report = run::run(commands, self, chunks, progress).await?;
        reading.await.map_err(ImportError::ReaderEnded)??;
        Ok(report)
    }

    /// Imports from the old system's live database, which is only read, as of one moment.
    pub async fn postgres(
        &self,
        commands: &Commands,
        config: tokio_postgres::Config,
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let reading = async move { postgres::read_chunks(&config, self.since, &sender).await };
        let (read, report) = tokio::join!(reading, run::run(commands, self, chunks, progress));
        // What was read until it broke off is imported; but a run that broke off is no success.
        read?;
        report
    }
}

/// Imports all of a CSV export.
pub async fn import_csv(
    commands: &Commands,
    reader: impl io::Read + Send + 'static,
    progress: OnProgress<'_>,
) -> Result<ImportReport, ImportError> {
    Takeover::default().csv(commands, reader, progress).await
}

/// Imports all of the old system's live database.
pub async fn import_postgres(
    commands: &Commands,
    config: tokio_postgres::Config,
    progress: OnProgress<'_>,
) -> Result<ImportReport, ImportError> {
    Takeover::default().postgres(commands, config, progress).await
}
