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
mod moments;
mod postgres;
mod prepared_row;
mod reconcile;
mod recorder;
mod reference_data;
mod reject;
mod report;
pub mod resolution;
mod row;
mod row_contents;
mod row_values;
mod rules;
mod run;

use std::io;

use chrono::{DateTime, Utc};
use daybook_commands::{CommandError, Commands};
use daybook_domain::phone::Region;
use daybook_domain::time::ClinicNow;
use tokio::sync::mpsc;

pub use analysis::{
    Analysis, Anomaly, AnomalyKind, Change, FormatOutcome, FormatReport, Interpretation, MAX_FORMATS,
    MAX_PLACES, MAX_SAMPLES, ReadBy, RuleReport, Sample, Samples,
};
pub use csv::{CsvOptions, FileFormat, FileKind, Separator, TextEncoding};
pub use moments::{DateRule, DayZone};
pub use reconcile::{ListedReservation, MAX_LISTED, Reconciliation, ReservationList};
pub use reject::{Place, Reason, Reject};
pub use report::{Conflict, ImportReport, MAX_REJECTS_LISTED, Progress, Verdict};
pub use rules::{MAX_RULES, MAX_RULES_BYTES, Rules, RulesError};

use reference_data::ReferenceData;
use reject::UnreadRow;
use resolution::Resolutions;
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
    #[error("the file is empty; export it again, with the names of the columns in its first line")]
    Empty,
    #[error("the file has no header; its first line must name the columns")]
    NoHeader,
    #[error("the file is {kind}")]
    NotCsv { kind: FileKind },
    #[error(
        "the encoding of the file has to be given: it is neither UTF-8 nor Korean{}; check that, and use --encoding {}. With \
         --encoding utf-8, lines in another encoding are rejected",
        probable.map(|name| format!(", probably {name}")).unwrap_or_default(),
        probable.unwrap_or("NAME")
    )]
    EncodingUnclear {
        /// If the bytes allow a guess.
        probable: Option<&'static str>,
    },
    #[error(
        "the file is {found} text, but the encoding given is {given}; use --encoding {found} or leave it out"
    )]
    EncodingContradicted { given: &'static str, found: &'static str },
    #[error(
        "the first line of the file is no header that can be read: a quotation mark in it is misplaced or never closed"
    )]
    HeaderUnreadable,
    #[error("the file lacks {}; its first line must name these columns{}", columns.join(", "), foreign_header(columns.len(), *of))]
    ColumnsMissing {
        columns: Vec<&'static str>,
        /// Number of all columns.
        of: usize,
    },
    #[error("the first line of the file names the column {column} twice")]
    ColumnTwice { column: &'static str },
    #[error("the reservations could not be read from the old system's database")]
    Database(#[source] tokio_postgres::Error),
    #[error(
        "there are more than {limit} rows and reservations, the most that fit into one run; split the file by date"
    )]
    TooManyRows {
        /// Including those in the log.
        limit: usize,
    },
    #[error("the run stopped before the end of the source; rows that it recorded stay. Run it again")]
    Command(#[source] CommandError),
    #[error("the task that reads the export failed")]
    ReaderEnded(#[source] tokio::task::JoinError),
}

/// What else may be wrong if not a single column was found.
const fn foreign_header(missing: usize, of: usize) -> &'static str {
    if missing == of {
        "; it names none of the columns. If it has a header, it may be written in another way: see --separator and --encoding"
    } else {
        ""
    }
}

impl ImportError {
    /// Why a file could not be read. A reader passes on what it finds wrong with the text.
    fn from_read(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Read)
    }
}

impl<E: Into<CommandError>> From<E> for ImportError {
    fn from(error: E) -> Self {
        Self::Command(error.into())
    }
}

/// Consecutive rows of the source.
#[derive(Default)]
struct Chunk {
    rows: Vec<Result<RawRow, UnreadRow>>,
    row_bytes: usize,
    /// Lines without a value up to the end of the last row.
    empty_lines: u64,
    /// Bytes up to the end of the last row; `None` if the source is not a file.
    source_bytes: Option<u64>,
    /// `None` if the source cannot tell.
    rows_total: Option<u64>,
    /// No row of the source was written later.
    as_of: Option<DateTime<Utc>>,
    /// How the file is written; `None` if the source is not a file.
    file: Option<FileFormat>,
}

impl Chunk {
    fn add(&mut self, row: Result<RawRow, UnreadRow>) {
        self.row_bytes += row.as_ref().map_or(0, RawRow::size_bytes);
        self.rows.push(row);
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= CHUNK_ROWS || self.row_bytes >= CHUNK_BYTES
    }
}

/// The source of an import.
pub enum Source {
    Csv(CsvSource),
    /// The old system's live database, read in one snapshot.
    Postgres(Box<tokio_postgres::Config>),
}

/// A CSV export: a header with the old table's column names in any order, then one reservation per record.
pub struct CsvSource {
    reader: Box<dyn io::Read + Send>,
    options: CsvOptions,
    exported_by: DateTime<Utc>,
}

impl Source {
    /// A CSV export that has just been made.
    pub fn csv(reader: impl io::Read + Send + 'static) -> Self {
        Self::csv_as(reader, CsvOptions::default(), Utc::now())
    }

    /// A CSV export that was complete at a moment.
    pub fn csv_as(
        reader: impl io::Read + Send + 'static,
        options: CsvOptions,
        exported_by: DateTime<Utc>,
    ) -> Self {
        Self::Csv(CsvSource { reader: Box::new(reader), options, exported_by })
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
    /// In a conflict, overwrite Daybook's state, unless the operator decided about the row.
    pub old_wins: bool,
    /// Reconcile every row at the end. The source must be complete.
    pub reconcile: bool,
    /// The clinic's own rules for requested times. They apply to new and changed texts and to texts that could not be parsed
    /// before. They never move a slot that is already assigned.
    pub rules: Rules,
    /// The region whose phone numbers are written without a calling code.
    pub region: Region,
    /// How dates are read that were exported as moments.
    pub dates: DateRule,
    /// The operator's decisions about rows that cannot be reconciled.
    pub resolutions: Resolutions,
}

impl ImportRun {
    /// Imports reservations.
    pub async fn run(
        &self,
        commands: &Commands,
        source: Source,
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        self.process(source, Run::recording(commands, self).await?, |_, _| {}, progress).await
    }

    /// Reports the result that a run would have, and appends nothing. `commands` is `None` for a new clinic.
    pub async fn rehearse(
        &self,
        commands: Option<&Commands>,
        source: Source,
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        let run = Run::rehearsal(commands, ReferenceData::current_or_initial(commands), self).await?;
        self.process(source, run, |_, _| {}, progress).await
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
        let now = commands
            .map_or_else(|| ClinicNow { instant: Utc::now(), zone: self.dates.clinic }, Commands::now);
        let mut tally = analysis::Tally::new(&self.rules, self.dates, reference_data.clone(), samples, now);
        let run = Run::rehearsal(commands, reference_data, self).await?;
        let report = self.process(source, run, |row, as_of| tally.add(row, as_of), progress).await?;
        Ok(tally.into_analysis(report))
    }

    /// Imports a source while it is still being read.
    async fn process(
        &self,
        source: Source,
        run: Run<'_>,
        inspect: impl FnMut(&RawRow, Option<DateTime<Utc>>),
        progress: OnProgress<'_>,
    ) -> Result<ImportReport, ImportError> {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        match source {
            Source::Csv(CsvSource { reader, options, exported_by }) => {
                let reading = tokio::task::spawn_blocking(move || {
                    csv::read_chunks(reader, options, exported_by, &sender)
                });
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
