//! Imports the reservations of the old system, from a CSV export or from its live database.
//!
//! Imported history is fact: the import never rejects it for capacity, and keeps requested times that cannot be parsed for a
//! review. Every row ends up imported, already there, or rejected with its place, column and reason, but never with the text
//! of a field.
//!
//! The old system may still be in use. A repeated run imports new and changed rows, whatever column changed and whether or not
//! `updatedAt` says so, because it compares every row with the log. It never overrules a change made in Daybook unless told
//! to. A run without changes appends nothing.

mod analysis;
mod capacity;
mod compare;
pub(crate) mod csv;
mod forgotten;
mod import_index;
mod imported_state;
mod postgres;
mod prepared_row;
mod reconcile;
mod recorder;
mod reference_data;
mod reject;
mod report;
mod row;
mod row_contents;
mod row_values;
mod rules;
mod run;

use std::io;

use chrono::{DateTime, Utc};
use daybook_commands::{CommandError, Commands};
use daybook_domain::phone::Region;
use tokio::sync::mpsc;

pub use analysis::{
    Analysis, Anomaly, AnomalyKind, Change, FormatOutcome, FormatReport, Interpretation, MAX_FORMATS,
    MAX_PLACES, MAX_SAMPLES, ReadBy, RuleReport, Sample, Samples,
};
pub use reconcile::{ListedReservation, MAX_LISTED, Reconciliation, ReservationList};
pub use reject::{Place, Reason, Reject};
pub use report::{Conflict, ImportReport, MAX_REJECTS_LISTED, Progress};
pub use rules::{MAX_RULES, MAX_RULES_BYTES, Rules, RulesError};

use reference_data::ReferenceData;
use row::RawRow;
use run::Run;

/// Rows that are sealed and appended together.
const CHUNK_ROWS: usize = 2000;

/// Bytes of text after which a chunk is full.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// Chunks that are read ahead.
const CHUNKS_AHEAD: usize = 2;

const MAX_ROW_BYTES: usize = 64 * 1024;

/// Called after each chunk.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// The reason why an import stopped. Rows appended before stay, and the next run continues from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the file could not be read")]
    Read(#[source] io::Error),
    #[error("the first line of the file is not a readable CSV header")]
    HeaderUnreadable,
    #[error("the file lacks {}; its first line must name these columns", columns.join(", "))]
    ColumnsMissing { columns: Vec<&'static str> },
    #[error("the first line of the file names the column {column} twice")]
    ColumnTwice { column: &'static str },
    #[error("the reservations could not be read from the old system's database")]
    Database(#[source] tokio_postgres::Error),
    #[error(
        "there are more than {limit} reservations, the most that fit into one run; split the file by date"
    )]
    TooManyRows {
        /// Including those in the log.
        limit: usize,
    },
    #[error("the import stopped; run it again to continue")]
    Command(#[source] CommandError),
    #[error("the task that reads the export failed")]
    ReaderEnded(#[source] tokio::task::JoinError),
}

impl<E: Into<CommandError>> From<E> for ImportError {
    fn from(error: E) -> Self {
        Self::Command(error.into())
    }
}

/// Consecutive rows of the source.
#[derive(Default)]
struct Chunk {
    rows: Vec<Result<RawRow, Reject>>,
    row_bytes: usize,
    /// Bytes up to the end of the last row; `None` if the source is not a file.
    source_bytes: Option<u64>,
    /// `None` if the source cannot tell.
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

/// The source of an import.
pub enum Source {
    /// A CSV export: a header with the old table's column names in any order, then one reservation per record.
    Csv(Box<dyn io::Read + Send>),
    /// The old system's live database, read in one snapshot.
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

/// The options of an import.
#[derive(Debug, Clone, Default)]
pub struct ImportRun {
    /// Skip rows with an earlier `updatedAt`. A change that did not update that column is then missed.
    pub since: Option<DateTime<Utc>>,
    /// In a conflict, overwrite Daybook's state.
    pub old_wins: bool,
    /// Reconcile every row at the end. The source must be complete.
    pub reconcile: bool,
    /// The clinic's own rules for requested times. They apply to new and changed texts and to texts that could not be parsed
    /// before. They never move a slot that is already assigned.
    pub rules: Rules,
    /// The region whose phone numbers are written without a calling code.
    pub region: Region,
}

impl ImportRun {
    /// Imports reservations.
    pub async fn run(
        &self,
        commands: &Commands,
        source: Source,
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        self.process(source, Run::recording(commands, self).await?, |_| {}, progress).await
    }

    /// Reports the result that a run would have, and appends nothing. `commands` is `None` for a new clinic.
    pub async fn rehearse(
        &self,
        commands: Option<&Commands>,
        source: Source,
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        let run = Run::rehearsal(commands, ReferenceData::current_or_initial(commands), self).await?;
        self.process(source, run, |_| {}, progress).await
    }

    /// Analyzes a source and the result that a run would have. Appends nothing.
    pub async fn analyze(
        &self,
        commands: Option<&Commands>,
        source: Source,
        samples: Samples,
        progress: OnProgress<'_>,
    ) -> Result<Analysis, ImportError> {
        let reference_data = ReferenceData::current_or_initial(commands);
        let mut tally = analysis::Tally::new(&self.rules, reference_data.clone(), samples);
        let run = Run::rehearsal(commands, reference_data, self).await?;
        let report = self.process(source, run, |row| tally.add(row), progress).await?;
        Ok(tally.into_analysis(report))
    }

    /// Imports a source while it is still being read.
    async fn process(
        &self,
        source: Source,
        run: Run<'_>,
        inspect: impl FnMut(&RawRow),
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        match source {
            Source::Csv(reader) => {
                let reading = tokio::task::spawn_blocking(move || csv::read_chunks(reader, &sender));
                let report = run::run(run, chunks, inspect, progress).await?;
                reading.await.map_err(ImportError::ReaderEnded)??;
                Ok(report)
            }
            Source::Postgres(config) => {
                let reading = async move { postgres::read_chunks(&config, self.since, &sender).await };
                let (read, report) = tokio::join!(reading, run::run(run, chunks, inspect, progress));
                // Rows read before an error are imported, but the run still fails.
                read?;
                report
            }
        }
    }
}
