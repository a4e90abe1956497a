//! The review of wishes that were not understood: what a person reads in them, one by one or many together.
//!
//! Which reservations wait for it a view says; what comes of a reading is decided on each page alone. Nothing is done in
//! silence: each reading is carried out, was so already, or is refused with the fact that stopped it.

mod file;

use chrono::NaiveDate;
use daybook_domain::ReservationId;
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::schedule::{Rejection, ReviewedTime};
use daybook_event_log::Position;
use futures_util::{StreamExt, TryStreamExt, stream};

pub use file::{CorrectedRow, FileRow, read_file, write_file};

use daybook_commands::CommandError;
use daybook_commands::Origin;
use daybook_commands::{Commands, ReservationChange};

/// Readings that are on their way to the log at the same time.
const MAX_UNDER_WAY: usize = 64;

/// What to do about a reservation that awaits review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Leave it in review: nobody can tell what the patient meant.
    Keep,
    /// Take the wish for this.
    ReviewedTime(ReviewedTime),
}

impl Decision {
    /// Reads what a person wrote: nothing or `keep`, else a time or a half of the day, as freely as patients may write it. A
    /// spreadsheet makes `9:00:00` of a time, and that is one too.
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

/// A decision on one reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Its day.
    pub page: NaiveDate,
    /// Which.
    pub reservation: ReservationId,
    /// What to do about it.
    pub decision: Decision,
}

/// What came of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewOutcome {
    /// It is recorded, at this position.
    Applied(Position),
    /// It was so already.
    AlreadySo,
    /// It was left in review, as was wished.
    Kept,
    /// A fact stopped it.
    Refused(Rejection),
}

/// Carries out decisions and reports the result of each, in their order. A fault ends it; what was recorded stays, and
/// the same decisions can be sent again.
///
/// # Errors
/// The log cannot be read or appended to.
pub async fn apply_decisions(
    commands: &Commands,
    readings: Vec<Reading>,
    origin: &Origin,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Vec<ReviewOutcome>, CommandError> {
    let outcomes = stream::iter(readings).map(|reading| apply_decision(commands, reading, origin.clone()));
    let mut done = 0;
    let counted = outcomes.buffered(MAX_UNDER_WAY).inspect_ok(|_| {
        done += 1;
        progress(done);
    });
    counted.try_collect().await
}

async fn apply_decision(
    commands: &Commands,
    reading: Reading,
    origin: Origin,
) -> Result<ReviewOutcome, CommandError> {
    let Reading { page, reservation, decision } = reading;
    let Decision::ReviewedTime(time) = decision else { return Ok(ReviewOutcome::Kept) };
    match commands.change(page, reservation, None, ReservationChange::ReviewTime(time), origin).await {
        Ok(booked) if booked.repeated => Ok(ReviewOutcome::AlreadySo),
        Ok(booked) => Ok(ReviewOutcome::Applied(booked.position)),
        Err(CommandError::Rejected(rejection)) => Ok(ReviewOutcome::Refused(rejection)),
        Err(error) => Err(error),
    }
}
