//! The rules that decide whether a booking is possible. They also produce the list of free time slots.
//!
//! The common rules (`bookable`) apply to every booking: the clinic is open, the time is not closed, and no seat is booked
//! twice. Then one rule set applies: `legacy` limits the number of bookings per day, `dynamic` limits minutes. Nothing here
//! may depend on which view a client reads; callers choose the [`RuleSet`]. All calculations are in time that passes
//! ([`crate::time::Interval`]), so that they hold on a day on which the clocks change.

mod bookable;
mod bookings;
mod dynamic;
pub mod impact;
mod legacy;
mod search;
mod service_day;
mod stretch;

use chrono::{Days, NaiveDate};

use crate::catalog::Service;
use crate::hours::Hours;
use crate::id::ReservationId;
use crate::schedule::{Booking, DaySchedule, MAX_DAYS_AHEAD, Rejection, SlotAssignment};
use crate::time::{ClinicNow, DayClock, Minutes};
use crate::vocabulary::{RuleSet, Status};

use service_day::ServiceDay;

pub use search::{DayCount, MAX_ALTERNATIVES, TimeSlot, day_count, time_slots};

/// The clinic day that a candidate is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Day<'a> {
    /// The bookings and closures of the day.
    pub schedule: &'a DaySchedule,
    /// The clinic's weekly hours.
    pub hours: &'a Hours,
    pub now: ClinicNow,
    clock: DayClock,
    is_for_desk: bool,
}

impl<'a> Day<'a> {
    /// The day of a schedule, with the clinic's clock on it.
    pub fn new(schedule: &'a DaySchedule, hours: &'a Hours, now: ClinicNow) -> Self {
        Self { schedule, hours, now, clock: now.zone.day_clock(schedule.date), is_for_desk: false }
    }

    /// The day as the clinic itself books on it: pending requests of strangers that have no time do not stand in its way. They
    /// take no seat, so a stranger could fill the limits of any day with them.
    pub const fn for_desk(self) -> Self {
        Self { is_for_desk: true, ..self }
    }

    /// The clinic's clock on the day.
    pub(crate) const fn clock(&self) -> &DayClock {
        &self.clock
    }

    /// Whether a booking counts for the limits of the day.
    fn counts(&self, booking: &Booking) -> bool {
        let is_idle = booking.stranger.is_some()
            && booking.status == Status::Pending
            && booking.placement.start().is_none();
        booking.status.holds_seat() && !(self.is_for_desk && is_idle)
    }
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

/// Checks that bookings can be made on a date: it has not passed and is not too far ahead.
pub fn check_date(date: NaiveDate, today: NaiveDate) -> Result<(), Rejection> {
    if date < today {
        return Err(Rejection::DatePassed);
    }
    match today.checked_add_days(Days::new(MAX_DAYS_AHEAD)) {
        Some(last) if date > last => Err(Rejection::DateTooFarAhead),
        Some(_) | None => Ok(()),
    }
}

/// Checks a request for a new booking, which cannot be in the past: exactly what the list of free times shows.
pub fn check_request(day: &Day<'_>, candidate: &Candidate<'_>, rules: RuleSet) -> Result<(), Rejection> {
    let service_day = ServiceDay::for_candidate(day, candidate);
    let result = service_day.check_request(candidate.placement, candidate.total_minutes, rules);
    result.map_err(|rejection| search::with_alternatives(rejection, &service_day, candidate, rules))
}

/// Checks another time for a booking on its day against the common rules and one rule set. The caller knows whether it may
/// have passed.
pub fn check_move(day: &Day<'_>, candidate: &Candidate<'_>, rules: RuleSet) -> Result<(), Rejection> {
    let service_day = ServiceDay::for_candidate(day, candidate);
    let booking = candidate.ignoring.and_then(|id| day.schedule.booking(id));
    let from = booking.and_then(|booking| booking.placement.period());
    let result = service_day.check_move(candidate.placement, candidate.total_minutes, (rules, from));
    result.map_err(|rejection| search::with_alternatives(rejection, &service_day, candidate, rules))
}

/// Checks a candidate against the common rules only: the clinic is open and a seat is free.
pub fn check_common(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    let service_day = ServiceDay::for_candidate(day, candidate);
    bookable::check_open(&service_day, candidate.placement, candidate.total_minutes)?;
    bookable::check_seat(&service_day, candidate.placement, candidate.total_minutes)
}
