//! The list of bookable times. It uses the rules that decide a booking and must not add any of its own.

use super::bookings::Seats;
use super::service_day::ServiceDay;
use super::{Candidate, Day, legacy};
use crate::catalog::Service;
use crate::schedule::{Booking, Rejection, SlotAssignment};
use crate::time::{ClockTime, Instant, Interval, Minutes, Period};
use crate::vocabulary::RuleSet;

/// Maximum number of times suggested in place of a taken one.
pub const MAX_ALTERNATIVES: usize = 3;

/// One start time from the clinic's hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeSlot {
    pub start: ClockTime,
    /// What the clock shows when treatment and buffer end.
    pub end: ClockTime,
    /// The half of the day.
    pub period: Period,
    /// Number of seats.
    pub capacity: u32,
    /// Number of seats taken.
    pub taken: u32,
    /// Why the slot cannot be booked; `None` if it can.
    pub refusal: Option<Rejection>,
}

/// The bookings of a service on a day, and how many more it can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// Bookings that hold a seat.
    pub booked: usize,
    /// The daily limit of the rule set, or else the number of start times.
    pub limit: usize,
    /// What is left: 0 exactly if no start time can be booked.
    pub left: usize,
}

/// Counts a day for a service by the rule set that decides its bookings: the dynamic rules do not count bookings, so by
/// those each free start time counts.
pub fn day_count(day: &Day<'_>, service: &Service, rules: RuleSet) -> DayCount {
    let slots = time_slots(day, service, rules);
    let free = slots.iter().filter(|slot| slot.refusal.is_none()).count();
    let is_own = |booking: &Booking| match rules {
        RuleSet::Legacy if service.legacy.is_some() => legacy::counts_for(service, booking),
        RuleSet::Legacy | RuleSet::Dynamic => booking.service == service.id,
    };
    let bookings = day.schedule.bookings().map(|(_, booking)| booking);
    let booked = bookings.filter(|booking| booking.status.holds_seat() && is_own(booking)).count();
    let daily_limit = match rules {
        RuleSet::Legacy => legacy::daily_limit(service).map(|limit| limit as usize),
        RuleSet::Dynamic => None,
    };
    match daily_limit {
        Some(limit) if free > 0 => DayCount { booked, limit, left: limit.saturating_sub(booked) },
        Some(limit) => DayCount { booked, limit, left: 0 },
        None => DayCount { booked, limit: slots.len(), left: free },
    }
}

/// Returns all start times of a day for a service, sorted, each with whether it can be booked.
///
/// The list omits starts whose treatment and buffer would end after the clinic hours, under both rule sets. A client can
/// still request such a time: the legacy rules accept it, as the old system did.
pub fn time_slots(day: &Day<'_>, service: &Service, rules: RuleSet) -> Vec<TimeSlot> {
    let service_day = ServiceDay::new(day, service, None);
    let total = service.total_minutes();
    starts(&service_day, total).map(|start| time_slot(&service_day, start, total, rules)).collect()
}

/// The start times of the clinic's grid, sorted.
fn starts(day: &ServiceDay<'_>, total: Minutes) -> impl Iterator<Item = (ClockTime, Instant)> {
    day.stretches.iter().flat_map(move |stretch| stretch.grid(day.clock(), total))
}

fn time_slot(
    day: &ServiceDay<'_>,
    (start, instant): (ClockTime, Instant),
    total: Minutes,
    rules: RuleSet,
) -> TimeSlot {
    let booking = Interval::from_start(instant, total);
    let Seats { capacity, taken } =
        day.bookings.tightest_seats(booking, &day.stretches).unwrap_or(Seats { capacity: 0, taken: 0 });
    let period = day.day.hours.period_of(day.day.schedule.date, start);
    let refusal = day.check_request(&SlotAssignment::At { start, period }, total, rules).err();
    let end = day.clock().time_at(booking.end);
    TimeSlot { start, end, period, capacity, taken: taken.min(capacity), refusal }
}

/// Adds up to [`MAX_ALTERNATIVES`] free times in the candidate's period to `SlotTaken`, closest to its start first.
pub(super) fn with_alternatives(
    rejection: Rejection,
    day: &ServiceDay<'_>,
    candidate: &Candidate<'_>,
    rules: RuleSet,
) -> Rejection {
    let SlotAssignment::At { start, period } = *candidate.placement else { return rejection };
    if !matches!(rejection, Rejection::SlotTaken { .. }) {
        return rejection;
    }
    let total = candidate.total_minutes;
    let is_free = |other: &ClockTime| {
        let placement = SlotAssignment::at(*other, day.day.hours, day.day.schedule.date);
        placement.period() == Some(period) && day.check_request(&placement, total, rules).is_ok()
    };
    let mut alternatives: Vec<ClockTime> =
        starts(day, total).map(|(other, _)| other).filter(is_free).collect();
    alternatives.sort_by_key(|other| (other.minutes().abs_diff(start.minutes()), *other));
    alternatives.truncate(MAX_ALTERNATIVES);
    Rejection::SlotTaken { alternatives }
}
