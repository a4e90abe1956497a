//! The rules that decide whether a booking is possible. They also produce the list of free time slots.
//!
//! The rules in [`seats`] apply to every booking: the clinic is open, the time is not closed, and no seat is booked
//! twice. Then one rule set applies: [`legacy`] limits the number of bookings per day, [`dynamic`] limits minutes. Nothing
//! here may depend on which view a client reads; callers choose the [`RuleSet`].

pub mod dynamic;
pub mod impact;
pub mod legacy;
mod search;
pub mod seats;

use chrono::NaiveDateTime;

use crate::catalog::Service;
use crate::hours::Hours;
use crate::id::ReservationId;
use crate::schedule::{Booking, DaySchedule, Rejection, SlotAssignment};
use crate::time::Minutes;
use crate::vocabulary::RuleSet;

pub use search::{MAX_ALTERNATIVES, TimeSlot, period_refusal, time_slots};

/// The clinic day that a candidate is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Day<'a> {
    /// The bookings and closures of the day.
    pub schedule: &'a DaySchedule,
    /// The clinic's weekly hours.
    pub hours: &'a Hours,
    /// The current local time in the clinic's zone.
    pub now: NaiveDateTime,
}

/// A booking to check.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub service: &'a Service,
    /// Treatment plus buffer.
    pub total_minutes: Minutes,
    /// The slot it would take.
    pub placement: &'a SlotAssignment,
    /// The booking itself if it is being moved, so that it does not conflict with its own old slot.
    pub ignoring: Option<&'a ReservationId>,
}

/// Checks a candidate against the common rules and one rule set.
pub fn check(day: &Day<'_>, candidate: &Candidate<'_>, rules: RuleSet) -> Result<(), Rejection> {
    seats::check_open(day, candidate)?;
    check_rule_set(day, candidate, rules)?;
    match seats::check_seat(day, candidate) {
        Err(Rejection::SlotTaken { .. }) => {
            Err(Rejection::SlotTaken { alternatives: search::alternatives(day, candidate, rules) })
        }
        other => other,
    }
}

/// Checks a candidate against the common rules only: the clinic is open and a seat is free.
pub fn check_common(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    seats::check_open(day, candidate)?;
    seats::check_seat(day, candidate)
}

fn check_rule_set(day: &Day<'_>, candidate: &Candidate<'_>, rules: RuleSet) -> Result<(), Rejection> {
    match rules {
        RuleSet::Legacy => legacy::check(day, candidate),
        RuleSet::Dynamic => dynamic::check(day, candidate),
    }
}

impl Day<'_> {
    /// The bookings that hold a seat, without the one that is being moved.
    fn holding<'b>(&'b self, candidate: &'b Candidate<'_>) -> impl Iterator<Item = &'b Booking> {
        self.schedule
            .bookings()
            .filter(|(id, _)| candidate.ignoring != Some(*id))
            .map(|(_, booking)| booking)
            .filter(|booking| booking.status.holds_seat())
    }
}
