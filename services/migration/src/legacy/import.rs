//! Takes over the reservations of the old system, from a CSV export or from its live database.
//!
//! Imported history is fact: it is never refused for capacity, and a wish that nobody can read is kept with its raw
//! text for review. Nothing is lost in silence: every row ends up imported, already there, or listed as rejected with
//! its place, its field and a reason, and never with what stands in the field.
//!
//! The old system may still be written to. A further run takes over what is new and what has changed, whatever column it is
//! in and whether or not `updatedAt` says so, since every row is held against what the log says of it. What was changed here
//! meanwhile is never overruled in silence. A run to which nothing has happened appends nothing.
//!
//! A [`ImportRun`] says how to go about it. It is run, or rehearsed, or only looked at: each time the same rows go the same
//! way, and only a run appends. [`Rules`] are the clinic's own, for texts that the built-in grammar cannot read.

mod analysis;
mod capacity;
mod compare;
pub(crate) mod csv;
mod forgotten;
mod import_index;
mod imported_state;
mod postgres;
mod reconcile;
mod recorder;
mod reference_data;
mod report;
mod row;
mod row_contents;
mod rules;
mod run;
mod update;

use std::io;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

pub use analysis::{
    Analysis, Anomaly, AnomalyKind, Change, FormatOutcome, FormatReport, Interpretation, MAX_FORMATS,
    MAX_PLACES, MAX_SAMPLES, ReadBy, RuleReport, Sample, Samples,
};
pub use reconcile::{ListedReservation, Reconciliation, ReservationList};
pub use report::{Conflict, ImportReport, MAX_LISTED, MAX_REJECTS_LISTED, Place, Progress, Reason, Reject};
pub use rules::{MAX_RULES, MAX_RULES_BYTES, Rules, RulesError};

use daybook_commands::CommandError;
use daybook_commands::Commands;
use reference_data::ReferenceData;
use row::RawRow;
use run::Run;

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

/// Where reservations come from.
pub enum Source {
    /// A CSV export: a header with the old table's column names in any order, then one reservation a record.
    Csv(Box<dyn io::Read + Send>),
    /// The old system's live database, which is only read, as of one moment.
    Postgres(Box<tokio_postgres::Config>),
}

impl Source {
    /// A CSV export.
    pub fn csv(reader: impl io::Read + Send + 'static) -> Self {
        Self::Csv(Box::new(reader))
    }

    /// The old system's live database.
    pub fn postgres(config: tokio_postgres::Config) -> Self {
        Self::Postgres(Box::new(config))
    }
}

/// How an import goes about it.
#[derive(Debug, Clone, Default)]
pub struct ImportRun {
    /// Take only rows whose `updatedAt` is not before this. One that was changed by hand without it is then not seen.
    pub since: Option<DateTime<Utc>>,
    /// Where a reservation was changed both there and here, take what the old system says.
    pub old_wins: bool,
    /// Account for every row at the end. The source has to be whole.
    pub reconcile: bool,
    /// The clinic's own rules for times. They place what is new, what is typed anew, and what nothing understood before; a
    /// time that stands already is moved by none.
    pub rules: Rules,
}

impl ImportRun {
    /// Takes reservations over.
    pub async fn run(
        &self,
        commands: &Commands,
        source: Source,
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        self.read_through(source, Run::recording(commands, self).await?, |_| {}, progress).await
    }

    /// Says what a run would do, and appends nothing. Without a clinic it is one that begins.
    pub async fn rehearse(
        &self,
        commands: Option<&Commands>,
        source: Source,
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        let run = Run::rehearsal(commands, ReferenceData::of(commands), self).await?;
        self.read_through(source, run, |_| {}, progress).await
    }

    /// Says what is in a source, and what a run would make of it. Appends nothing.
    pub async fn analyze(
        &self,
        commands: Option<&Commands>,
        source: Source,
        samples: Samples,
        progress: OnProgress<'_>,
    ) -> Result<Analysis, ImportError> {
        let basis = ReferenceData::of(commands);
        let mut tally = analysis::Tally::new(&self.rules, basis.clone(), samples);
        let run = Run::rehearsal(commands, basis, self).await?;
        let report = self.read_through(source, run, |row| tally.look(row), progress).await?;
        Ok(tally.into_analysis(report))
    }

    /// Reads a source to its end, ahead of what is made of it.
    async fn read_through(
        &self,
        source: Source,
        run: Run<'_>,
        look: impl FnMut(&RawRow),
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        match source {
            Source::Csv(reader) => {
                let reading = tokio::task::spawn_blocking(move || csv::read_chunks(reader, &sender));
                let report = run::run(run, chunks, look, progress).await?;
                reading.await.map_err(ImportError::ReaderEnded)??;
                Ok(report)
            }
            Source::Postgres(config) => {
                let reading = async move { postgres::read_chunks(&config, self.since, &sender).await };
                let (read, report) = tokio::join!(reading, run::run(run, chunks, look, progress));
                // What was read until it broke off is imported; but a run that broke off is no success.
                read?;
                report
            }
        }
    }
}
