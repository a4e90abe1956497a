//! The review of requested times that could not be read: people decide them one by one or in a file.
//!
//! A view lists the reservations under review, but only their day's stream decides. No decision may be dropped silently: each
//! is applied, already applied, or refused with a reason.

mod file;

use chrono::NaiveDate;
use daybook_commands::{CommandError, Commands, Origin, ReservationChange};
use daybook_domain::ReservationId;
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::schedule::{Rejection, ReviewedTime};
use daybook_event_log::Position;
use futures_util::{StreamExt, TryStreamExt, stream};

pub use file::{CorrectedRow, FileRow, read_file, write_file};

/// Maximum number of decisions that are being appended at the same time.
const MAX_CONCURRENT: usize = 64;

/// A decision about a reservation under review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Leave it under review.
    Keep,
    /// Treat the requested time as this one.
    ReviewedTime(ReviewedTime),
}

impl Decision {
    /// Parses a decision: empty or `keep`, or else a time or a period in any spelling that bookings may use, including the
    /// `9:00:00` that spreadsheets write.
    pub fn read(text: &str) -> Option<Self> {
        if text.trim().is_empty() || text.trim().eq_ignore_ascii_case("keep") {
            return Some(Self::Keep);
        }
        match requested_time::parse(text) {
            ParsedTime::At(start) => Some(Self::ReviewedTime(ReviewedTime::At(start))),
            ParsedTime::Period(period) => Some(Self::ReviewedTime(ReviewedTime::Period(period))),
            ParsedTime::Ambiguous(_) => None,
        }
    }
}

/// A decision about one reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub page: NaiveDate,
    pub reservation: ReservationId,
    pub decision: Decision,
}

/// The result of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewOutcome {
    Applied(Position),
    AlreadySo,
    /// The reservation stays under review, as decided.
    Kept,
    Refused(Rejection),
}

/// Applies decisions and returns their results in the same order. After an error, the decisions applied so far stand, and
/// all of them can be sent again.
///
/// # Errors
/// The log cannot be read or appended to.
pub async fn apply_decisions(
    commands: &Commands,
    readings: Vec<Reading>,
    origin: &Origin,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Vec<ReviewOutcome>, CommandError> {
    let mut done = 0;
    stream::iter(readings)
        .map(|reading| apply_decision(commands, reading, origin.clone()))
        .buffered(MAX_CONCURRENT)
        .inspect_ok(|_| {
            done += 1;
            progress(done);
        })
        .try_collect()
        .await
}

async fn apply_decision(
    commands: &Commands,
    reading: Reading,
    origin: Origin,
) -> Result<ReviewOutcome, CommandError> {
    let Reading { page, reservation, decision } = reading;
    let Decision::ReviewedTime(time) = decision else { return Ok(ReviewOutcome::Kept) };
    match commands.change(page, reservation, None, ReservationChange::ReviewTime(time), origin).await {
        Ok(change) if change.repeated => Ok(ReviewOutcome::AlreadySo),
        Ok(change) => Ok(ReviewOutcome::Applied(change.position)),
        Err(CommandError::Rejected(rejection)) => Ok(ReviewOutcome::Refused(rejection)),
        Err(error) => Err(error),
    }
}
