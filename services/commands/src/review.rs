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

pub use file::{Corrected, FileRow, read_file, write_file};

use crate::commands::{Commands, ReservationChange};
use crate::error::CommandError;
use crate::origin::Origin;

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
pub enum Came {
    /// It is recorded, at this position.
    Applied(Position),
    /// It was so already.
    AlreadySo,
    /// It was left in review, as was wished.
    Kept,
    /// A fact stopped it.
    Refused(Rejection),
}

impl Commands {
    /// Carries out readings; says of each, in their order, what came of it. A fault ends it, and what was recorded stays: the
    /// same readings again go on from there.
    pub async fn read_wishes(
        &self,
        readings: Vec<Reading>,
        origin: &Origin,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Vec<Came>, CommandError> {
        let came = stream::iter(readings).map(|reading| self.read_wish(reading, origin.clone()));
        let mut done = 0;
        let counted = came.buffered(MAX_UNDER_WAY).inspect_ok(|_| {
            done += 1;
            progress(done);
        });
        counted.try_collect().await
    }

    async fn read_wish(&self, reading: Reading, origin: Origin) -> Result<Came, CommandError> {
        let Reading { page, reservation, decision } = reading;
        let Decision::ReviewedTime(meant) = decision else { return Ok(Came::Kept) };
        match self.change(page, reservation, None, ReservationChange::ReviewTime(meant), origin).await {
            Ok(booked) if booked.repeated => Ok(Came::AlreadySo),
            Ok(booked) => Ok(Came::Applied(booked.position)),
            Err(CommandError::Rejected(rejection)) => Ok(Came::Refused(rejection)),
            Err(error) => Err(error),
        }
    }
}
