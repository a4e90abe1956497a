//! The dynamic rule set: treatment and buffer fit into the clinic hours, and the period, the day and the service have
//! enough minutes left. It never counts bookings; that is the legacy rule set.

use super::bookable::{stretch_at, stretches_of};
use super::service_day::ServiceDay;
use crate::hours::ClinicSlot;
use crate::schedule::{Rejection, SlotAssignment};
use crate::time::{Interval, Minutes, Period};

/// Checks all rules of this set.
pub(super) fn check(
    day: &ServiceDay<'_>,
    placement: &SlotAssignment,
    total: Minutes,
) -> Result<(), Rejection> {
    check_fits(day, placement, total)?;
    check_daily_minutes(day, total)?;
    check_minutes_left(day, period_of(day, placement, total), total)
}

/// Checks a move within the day: the minutes of another half have to suffice, those of its own half it has already.
pub(super) fn check_move(
    day: &ServiceDay<'_>,
    placement: &SlotAssignment,
    total: Minutes,
    from: Option<Period>,
) -> Result<(), Rejection> {
    check_fits(day, placement, total)?;
    let period = period_of(day, placement, total);
    if period == from { Ok(()) } else { check_minutes_left(day, period, total) }
}

fn period_of(day: &ServiceDay<'_>, placement: &SlotAssignment, total: Minutes) -> Option<Period> {
    match placement {
        // Of the service's own hours: the hours of another service may call this time otherwise.
        SlotAssignment::At { start, period } => {
            let booking = Interval::from_start(day.clock().instant(*start), total);
            Some(stretch_at(day, booking).map_or(*period, |stretch| stretch.slot.period))
        }
        SlotAssignment::Period(period) => Some(*period),
        // A booking under review gets its time later, so its minutes only have to fit somewhere in the day.
        SlotAssignment::Review(_) => None,
    }
}

fn check_minutes_left(day: &ServiceDay<'_>, period: Option<Period>, total: Minutes) -> Result<(), Rejection> {
    match (minutes_left(day, period), period) {
        (left, _) if left >= total => Ok(()),
        (left, Some(period)) => Err(Rejection::PeriodFull { period, left }),
        (left, None) => Err(Rejection::DayFull { left }),
    }
}

/// Treatment and buffer have to end before the clinic slot does. Without a time, the common rules have found one.
pub(super) fn check_fits(
    day: &ServiceDay<'_>,
    placement: &SlotAssignment,
    total: Minutes,
) -> Result<(), Rejection> {
    let Some(start) = placement.start() else { return Ok(()) };
    let booking = Interval::from_start(day.clock().instant(start), total);
    let left = stretch_at(day, booking)
        .map_or(0, |stretch| Interval { start: booking.start, end: stretch.whole.end }.minutes());
    if left >= total { Ok(()) } else { Err(Rejection::DoesNotFit { needed: total, left }) }
}

/// The minutes that are neither closed nor booked in a half, or in the day, over all seats.
fn minutes_left(day: &ServiceDay<'_>, period: Option<Period>) -> Minutes {
    let open: Vec<(Interval, &ClinicSlot)> = stretches_of(day, period)
        .flat_map(|stretch| {
            let parts = stretch.starts.without(day.closed.iter().map(|closed| closed.interval));
            parts.into_iter().map(|part| (part, stretch.slot))
        })
        .collect();
    // A view that was built before such hours were refused may have any number of seats.
    let capacity = open.iter().fold(0, |capacity: Minutes, (part, slot)| {
        capacity.saturating_add(part.minutes().saturating_mul(slot.max_concurrent))
    });
    capacity.saturating_sub(day.bookings.minutes(open.into_iter(), period))
}

fn check_daily_minutes(day: &ServiceDay<'_>, requested: Minutes) -> Result<(), Rejection> {
    let limit = day.service.limit.filter(|limit| limit.is_active);
    let Some(limit) = limit.and_then(|limit| limit.daily_limit_minutes) else { return Ok(()) };
    let consumed = day.bookings.own_minutes;
    if consumed.saturating_add(requested) <= limit {
        Ok(())
    } else {
        Err(Rejection::DailyMinutesReached { limit, consumed, requested })
    }
}
