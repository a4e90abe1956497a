//! What makes a booking possible. The same rules judge a booking and draw up the list of free slots.
//!
//! Some hold for everybody, whichever read model a client is routed to: the clinic is open, the time is not closed, and
//! a seat is taken once. The rest is the routed rule set's: [`legacy`] counts bookings of an enum value a day,
//! [`dynamic`] reckons with minutes. Within what applies the strictest rule wins.

pub mod dynamic;
pub mod legacy;
mod search;
pub mod seats;

use chrono::NaiveDateTime;

use crate::catalog::Service;
use crate::hours::Hours;
use crate::id::ReservationId;
use crate::schedule::{DaySchedule, Rejection, SlotAssignment};
use crate::time::Minutes;
use crate::vocabulary::ReadModel;

pub use search::{MAX_ALTERNATIVES, TimeSlot, offers, period_refusal};

/// A clinic day to be judged on.
#[derive(Debug, Clone, Copy)]
pub struct Day<'a> {
    /// What is booked and closed.
    pub book: &'a DaySchedule,
    /// When the clinic treats.
    pub hours: &'a Hours,
    /// What the clinic's clock and calendar show.
    pub now: NaiveDateTime,
}

/// A booking to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What is to be done.
    pub service: &'a Service,
    /// Minutes it takes up: treatment and clearing up.
    pub total_minutes: Minutes,
    /// Where in the day it would stand.
    pub placement: &'a SlotAssignment,
    /// The booking's own entry when it is moved: it does not stand in its own way.
    pub ignoring: Option<&'a ReservationId>,
}

/// Judges a candidate by the rules for everybody and by one rule set.
pub fn check(day: &Day<'_>, candidate: &Candidate<'_>, judge: ReadModel) -> Result<(), Rejection> {
    seats::check_open(day, candidate)?;
    match judge {
        ReadModel::Legacy => legacy::check(day, candidate)?,
        ReadModel::Dynamic => dynamic::check(day, candidate)?,
    }
    match seats::check_seat(day, candidate) {
        Err(Rejection::SlotTaken { .. }) => {
            Err(Rejection::SlotTaken { alternatives: search::alternatives(day, candidate, judge) })
        }
        other => other,
    }
}

/// Judges a candidate by the rules for everybody alone: the clinic is open then, and the seat is free.
pub fn check_for_everybody(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    seats::check_open(day, candidate)?;
    seats::check_seat(day, candidate)
}

impl Day<'_> {
    /// The bookings that hold a seat, without the one that is being moved.
    fn holding<'b>(
        &'b self,
        candidate: &'b Candidate<'_>,
    ) -> impl Iterator<Item = &'b crate::schedule::Booking> {
        self.book
            .bookings()
            .filter(|(id, _)| candidate.ignoring != Some(*id))
            .map(|(_, booking)| booking)
            .filter(|booking| booking.status.holds_seat())
    }
}
