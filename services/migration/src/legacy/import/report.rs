//! What an import tells: how far it is, what came of each row, and why rows were left out.
//!
//! Never what stands in a patient's field: only where it stands and what is wrong with it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use daybook_domain::requested_time::Ambiguity;
use daybook_domain::{Period, ReservationId, Status};
use daybook_event_log::Position;
use serde::Serialize;

use super::reconcile::Reconciliation;

/// Rejected rows that a report lists; more are only counted.
pub const MAX_REJECTS_LISTED: usize = 100_000;

/// Conflicts, and reservations of each kind of a reconciliation, that a report lists; more are only counted.
pub const MAX_LISTED: usize = 100_000;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows that are dealt with.
    pub rows: u64,
    /// Rows there are, where the source can tell.
    pub rows_total: Option<u64>,
    /// Bytes of the source that are dealt with, where it is a file.
    pub source_bytes: Option<u64>,
}

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Rows that were read: imported, updated, already there, agreeing, conflicts and rejected together.
    pub read: u64,
    /// Rows that were passed over because they had not changed since the time that was given; not among those read.
    pub passed_over: u64,
    /// Rows that this run appended. Where two runs append the same row at the same moment both count it; it is there
    /// once.
    pub imported: u64,
    /// Rows that had been taken over before and that this run took over again, because they had changed.
    pub updated: u64,
    /// Rows that an earlier run had taken over as they are.
    pub already_there: u64,
    /// Rows that had changed, and are so here already because somebody changed the reservation here in the same way.
    pub agreeing: u64,
    /// Rows that had changed, of reservations that somebody changed here in another way. They were left as they are here.
    pub conflicts: u64,
    /// Which, and in which columns; at most [`MAX_LISTED`].
    pub conflict_list: Vec<Conflict>,
    /// Rows that were left out.
    pub rejected: u64,
    /// Which, and why; at most [`MAX_REJECTS_LISTED`].
    pub rejects: Vec<Reject>,
    /// Rows that were not left out, by where they stand.
    pub by_status: BTreeMap<Status, u64>,
    /// Rows that were not left out and need no review, by the half of the day.
    pub by_period: BTreeMap<Period, u64>,
    /// Rows that were not left out and need a person's review, by why.
    pub review: BTreeMap<Ambiguity, u64>,
    /// The time to give the next run, so that it reads only rows that have changed since; none where no row was read. A run
    /// that appends nothing leaves it as it was given.
    pub next_since: Option<DateTime<Utc>>,
    /// The account of every row, where it was asked for.
    pub reconciliation: Option<Reconciliation>,
    /// Position that a view has to have passed to show all of it; none where nothing was appended.
    pub position: Option<Position>,
}

impl ImportReport {
    /// Rows that need a person's review.
    pub fn review_total(&self) -> u64 {
        self.review.values().sum()
    }

    pub(super) fn conflict(&mut self, conflict: Conflict) {
        self.conflicts += 1;
        if self.conflict_list.len() < MAX_LISTED {
            self.conflict_list.push(conflict);
        }
    }

    pub(super) fn reject(&mut self, reject: Reject) {
        self.rejected += 1;
        if self.rejects.len() < MAX_REJECTS_LISTED {
            self.rejects.push(reject);
        }
    }
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// The column that is wrong; none where the row is wrong as a whole.
    pub field: Option<&'static str>,
    /// What is wrong.
    pub reason: Reason,
}

/// A row that changed in the old system, of a reservation that was changed here too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Which reservation.
    pub reservation: ReservationId,
    /// Its day.
    pub date: NaiveDate,
    /// The columns that changed in the old system since the row was last taken over.
    pub fields: Vec<&'static str>,
}

/// Where a row stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// First line of the record in the file, from 1; the header is a line too.
    Line(u64),
    /// Id of the row in the old database.
    Row(ReservationId),
    /// Number of the row in the order of the query, from 1, where its id is none.
    Number(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(number) => write!(formatter, "line {number}"),
            Self::Row(id) => write!(formatter, "row {id}"),
            Self::Number(number) => write!(formatter, "row number {number}"),
        }
    }
}

/// Why a row was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// It has another number of fields than the header.
    #[error("it has another number of fields than the header")]
    WrongNumberOfFields,
    /// A quotation mark stands where none may.
    #[error("a quotation mark stands where none may")]
    MisplacedQuote,
    /// A quotation mark opens a field that nothing closes.
    #[error("a quotation mark opens a field that nothing closes")]
    UnclosedQuote,
    /// It is longer than a row may be.
    #[error("it is longer than {} bytes", super::MAX_ROW_BYTES)]
    TooLong,
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The field must not be empty.
    #[error("the field is empty and must not be")]
    Missing,
    /// The text is no id.
    #[error("the text is no id")]
    NotAnId,
    /// The text is no date of the form `YYYY-MM-DD`.
    #[error("the text is no date such as 2025-03-28")]
    NotADate,
    /// The text is no timestamp of the form `YYYY-MM-DD HH:MM:SS`.
    #[error("the text is no timestamp such as 2025-03-11 22:24:00.000")]
    NotATimestamp,
    /// The text is none of the words that the old system knows.
    #[error("the text is none of the words that the old system knows")]
    UnknownWord,
    /// The text is no phone number, so it is not known whose row it is.
    #[error("the text is no phone number")]
    NotAPhoneNumber,
    /// No service of the catalog has this enum value.
    #[error("no service of the catalog has this enum value")]
    UnknownService,
    /// An earlier row of the same run has this id.
    #[error("an earlier row has the same id")]
    DuplicateId,
    /// The log has this id on another day: the row was moved in the old system after it had been imported.
    #[error(
        "it was imported before, on another day; cancel it here and book it anew on its new day, or move it back there"
    )]
    OnAnotherDay,
    /// A later state of the row was taken over already: the export is an old one, or the row was put back by hand.
    #[error(
        "a later state of the row was taken over already; read a newer export, or give --old-wins if it was put back"
    )]
    OlderThanTaken,
    /// A booking that was made here has this id.
    #[error("a booking that was made here has this id")]
    BookedHere,
    /// The text is none that says what to do about a reservation in review.
    #[error("the text is no time such as 14:30, no half of the day and not `keep`")]
    NotADecision,
    /// The day holds as many entries as it may.
    #[error("the day holds as many entries as it may")]
    DayFull,
}
