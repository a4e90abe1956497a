//! Takes over the reservations of the old system, from a CSV export or from its live database.
//!
//! Imported history is fact: it is never refused for capacity, and a wish that nobody can read is kept with its raw
//! text for review. Nothing is lost in silence: every row ends up imported, already there, or listed as rejected with
//! its place, its field and a reason, and never with what stands in the field. A second run appends nothing.
//!
//! Before it, [`analyze`] says what is in a source, and [`rehearse`] what a run would do; both go through the same rows by
//! the same code, and append nothing. [`Rules`] are the clinic's own, for texts that the built-in grammar cannot read.

mod analysis;
mod basis;
mod csv;
mod known;
mod postgres;
mod report;
mod room;
mod row;
mod rules;
mod run;

use std::io;

use tokio::sync::mpsc;

pub use analysis::{
    Analysis, Anomaly, AnomalyKind, Becomes, By, Change, FormatOutcome, FormatReport, MAX_FORMATS,
    MAX_PLACES, MAX_SAMPLES, RuleReport, Sample, Samples,
};
pub use report::{ImportReport, MAX_REJECTS_LISTED, Place, Progress, Reason, Reject};
pub use rules::{MAX_RULES, MAX_RULES_BYTES, Rules, RulesError};

use crate::commands::Commands;
use crate::error::CommandError;
use basis::Basis;
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
    #[error("the export lacks {}; columns are named as in the old system's table", columns.join(", "))]
    ColumnsMissing {
        /// Which.
        columns: Vec<&'static str>,
    },
    /// The header names a column twice.
    #[error("the export has the column {column} twice")]
    ColumnTwice {
        /// Which.
        column: &'static str,
    },
    /// The old system's database failed.
    #[error("the old system's database failed")]
    Database(#[source] tokio_postgres::Error),
    /// More rows than a run may hold.
    #[error("an import takes {limit} reservations at the most; split the export by date")]
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

/// Imports a CSV export by the built-in rules for times.
pub async fn import_csv(
    commands: &Commands,
    reader: impl io::Read + Send + 'static,
    progress: OnProgress<'_>,
) -> Result<ImportReport, ImportError> {
    import(commands, Source::Csv(Box::new(reader)), &Rules::default(), progress).await
}

/// Imports from the old system's live database by the built-in rules for times.
pub async fn import_postgres(
    commands: &Commands,
    config: tokio_postgres::Config,
    progress: OnProgress<'_>,
) -> Result<ImportReport, ImportError> {
    import(commands, Source::Postgres(Box::new(config)), &Rules::default(), progress).await
}

/// Imports, with the clinic's own rules for times.
pub async fn import(
    commands: &Commands,
    source: Source,
    rules: &Rules,
    progress: OnProgress<'_>,
) -> Result<ImportReport, ImportError> {
    let run = Run::recording(commands, rules).await?;
    read_through(source, run, |_| {}, progress).await
}

/// Says what an import would do, and appends nothing. Without a clinic it is one that begins.
pub async fn rehearse(
    commands: Option<&Commands>,
    source: Source,
    rules: &Rules,
    progress: OnProgress<'_>,
) -> Result<ImportReport, ImportError> {
    let run = Run::rehearsal(commands, Basis::of(commands), rules).await?;
    read_through(source, run, |_| {}, progress).await
}

/// Looks at a source, and says what is in it and what an import would make of it. Appends nothing.
pub async fn analyze(
    commands: Option<&Commands>,
    source: Source,
    rules: &Rules,
    samples: Samples,
    progress: OnProgress<'_>,
) -> Result<Analysis, ImportError> {
    let basis = Basis::of(commands);
    let mut tally = analysis::Tally::new(rules, basis.clone(), samples);
    let run = Run::rehearsal(commands, basis, rules).await?;
    let report = read_through(source, run, |row| tally.look(row), progress).await?;
    Ok(tally.into_analysis(report))
}

/// Reads a source to its end, ahead of what is made of it.
async fn read_through(
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
            let reading = async move { postgres::read_chunks(&config, &sender).await };
            let (read, report) = tokio::join!(reading, run::run(run, chunks, look, progress));
            // What was read until it broke off is imported; but a run that broke off is no success.
            read?;
            report
        }
    }
}
