//! Rejected rows: the place, the column and the reason. Never contains a field's text, which may name a patient.

use daybook_domain::{ReservationId, value};
use serde::Serialize;

use super::resolution::RowKey;
use super::row_contents::RowHash;

/// A row that was not imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    #[serde(flatten)]
    pub place: Place,
    /// The faulty column; `None` if the whole row is faulty.
    pub field: Option<&'static str>,
    pub reason: Reason,
    /// Names a row without an id of its own in a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<RowKey>,
}

impl Reject {
    /// Of a row that its own id names, or that no decision has named yet.
    pub const fn new(place: Place, field: Option<&'static str>, reason: Reason) -> Self {
        Self { place, field, reason, mark: None }
    }
}

/// A row whose texts could not be read.
pub(crate) struct UnreadRow {
    pub(crate) reject: Reject,
    /// Of the bytes.
    pub(super) hash: RowHash,
}

/// Where a row is in its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// First line of the record in the file, from 1, including the header.
    Line(u64),
    /// Id of the row in the old database.
    Row(ReservationId),
    /// Number of the row in query order, from 1, if its id is invalid.
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

/// Why a row was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    #[error("the number of fields differs from the header")]
    WrongNumberOfFields,
    #[error("a quotation mark is in the wrong place")]
    MisplacedQuote,
    #[error("a quoted field is never closed")]
    UnclosedQuote,
    #[error("the row is longer than {} bytes", super::MAX_ROW_BYTES)]
    TooLong,
    #[error("the text is not valid in the encoding of the file")]
    NotUtf8,
    #[error("the line repeats the header; remove it")]
    HeaderAgain,
    #[error("the field must not be empty")]
    Missing,
    #[error("the NULL of an export tool; a person of this name is written Null")]
    NullWord,
    #[error("a word for a missing value is no id; export the ids of the table")]
    MissingWord,
    #[error("the text contains a NUL character")]
    NulCharacter,
    #[error("the text is not a valid id")]
    NotAnId,
    #[error("the text is not a date such as 2025-03-28")]
    NotADate,
    #[error("the text is not a timestamp such as 2025-03-11 22:24:00.000")]
    NotATimestamp,
    #[error("the date is not between {} and {}", value::CLINIC_DAYS.first, value::CLINIC_DAYS.last)]
    OutsideCalendar,
    #[error("the birth date is after today; correct it in the old system")]
    BornLater,
    #[error(
        "the text shows nothing, or it contains control characters, or others that are not seen but change what is"
    )]
    NotVisibleText,
    /// The moment is midnight of the clinic and another day in UTC.
    #[error("the day depends on the zone; add --dates local or --dates utc")]
    DayInDoubt,
    #[error("the old system has no such value")]
    UnknownWord,
    #[error("the text is not a phone number")]
    NotAPhoneNumber,
    #[error("no service in the catalog has this old value")]
    UnknownService,
    #[error("an earlier row has the same id")]
    DuplicateId,
    #[error("a reservation has the same UUID in another spelling; export the ids as they are in the table")]
    IdSpeltOtherwise,
    /// The export is old, or the row was changed back in the old system.
    #[error(
        "a newer state of the row was imported before; use a newer export, or `daybook import run --old-wins` if it was changed back"
    )]
    OlderThanTaken,
    #[error("a booking made in Daybook has this id")]
    BookedHere,
    #[error("the text is not a time such as 14:30, not a half-day and not `keep`")]
    NotADecision,
    #[error("the day has reached its maximum number of entries")]
    DayFull,
    /// A rule of the domain that this crate does not know refused it.
    #[error("Daybook cannot record these values")]
    NotRecordable,
}
