//! The rules for every booking, whatever the rule set: the clinic is open, the time is not closed, no seat is booked
//! twice. No limit of a rule set belongs here.

use super::service_day::ServiceDay;
use super::stretch::Stretch;
use crate::schedule::{Rejection, SlotAssignment};
use crate::time::{ClockTime, Instant, Interval, Minutes, Period};

/// Checks that the booking can still begin. A half-day, or a time under review, can begin until its last start.
pub(super) fn check_not_passed(
    day: &ServiceDay<'_>,
    placement: &SlotAssignment,
    total: Minutes,
) -> Result<(), Rejection> {
    let last = match placement {
        SlotAssignment::At { start, .. } => Some(day.clock().instant(*start)),
        SlotAssignment::Period(period) => last_start(day, Some(*period), total),
        SlotAssignment::Review(_) => last_start(day, None, total),
    };
    match last {
        Some(last) if last <= day.now() => Err(Rejection::TimePassed),
        // Without any start, a later check knows why.
        Some(_) | None => Ok(()),
    }
}

/// The last start of the clinic's grid in a half, or in the day.
fn last_start(day: &ServiceDay<'_>, period: Option<Period>, total: Minutes) -> Option<Instant> {
    let starts = stretches_of(day, period).flat_map(|stretch| stretch.grid(day.clock(), total));
    starts.map(|(_, instant)| instant).max()
}

/// The stretches of a half, or of the day.
pub(super) fn stretches_of<'d, 'a>(
    day: &'d ServiceDay<'a>,
    period: Option<Period>,
) -> impl Iterator<Item = &'d Stretch<'a>> {
    let is_of = move |stretch: &&Stretch<'_>| period.is_none_or(|period| period == stretch.slot.period);
    day.stretches.iter().filter(is_of)
}

/// Checks that the clinic is open at that time and that staff have not closed it.
pub(super) fn check_open(
    day: &ServiceDay<'_>,
    placement: &SlotAssignment,
    total: Minutes,
) -> Result<(), Rejection> {
    if day.stretches.is_empty() {
        return Err(Rejection::ClinicClosed);
    }
    match placement {
        SlotAssignment::At { start, .. } => check_time_open(day, *start, total),
        SlotAssignment::Period(period) => check_some_time_open(day, Some(*period), total),
        SlotAssignment::Review(_) => check_some_time_open(day, None, total),
    }
}

fn check_time_open(day: &ServiceDay<'_>, start: ClockTime, total: Minutes) -> Result<(), Rejection> {
    let booking = Interval::from_start(day.clock().instant(start), total);
    if !day.clock().shows(start) || stretch_at(day, booking).is_none() {
        return Err(Rejection::OutsideHours);
    }
    // The next day's schedule does not know this booking, so its seats could be taken twice.
    let until_midnight = Interval { start: booking.start, end: day.clock().end() };
    if until_midnight.end < booking.end {
        return Err(Rejection::DoesNotFit { needed: total, left: until_midnight.minutes() });
    }
    match day.closed.iter().find(|closed| closed.interval.overlaps(booking)) {
        Some(closed) => Err(Rejection::TimeClosed { reason: closed.closure.reason.clone() }),
        None => Ok(()),
    }
}

/// The stretch in which a booking starts.
pub(super) fn stretch_at<'d, 'a>(day: &'d ServiceDay<'a>, booking: Interval) -> Option<&'d Stretch<'a>> {
    day.stretches.iter().find(|stretch| stretch.starts.contains(booking.start))
}

/// Checks that the treatment fits somewhere in a half, or in the day: within the hours, between closures, and in what is
/// left of today. The clinic will give the booking a time there.
fn check_some_time_open(
    day: &ServiceDay<'_>,
    period: Option<Period>,
    total: Minutes,
) -> Result<(), Rejection> {
    let Some(left) = stretches_of(day, period).map(|stretch| stretch.whole.minutes()).max() else {
        return Err(Rejection::OutsideHours);
    };
    if last_start(day, period, total).is_none() {
        return Err(Rejection::DoesNotFit { needed: total, left });
    }
    if stretches_of(day, period).any(|stretch| has_open_start(day, stretch, total)) {
        return Ok(());
    }
    let mut closed = day.closed.iter();
    let closed = closed
        .find(|closed| stretches_of(day, period).any(|stretch| stretch.whole.overlaps(closed.interval)));
    Err(Rejection::TimeClosed { reason: closed.and_then(|closed| closed.closure.reason.clone()) })
}

fn has_open_start(day: &ServiceDay<'_>, stretch: &Stretch<'_>, total: Minutes) -> bool {
    let pieces = stretch.whole.without(day.closed.iter().map(|closed| closed.interval));
    pieces.into_iter().any(|piece| {
        let earliest = piece.start.max(stretch.starts.start).max(day.now().next());
        let start = day.clock().first_start_from(earliest);
        stretch.starts.contains(start) && start.plus(total) <= piece.end
    })
}

/// Checks that a seat is free at every moment of the booking.
pub(super) fn check_seat(
    day: &ServiceDay<'_>,
    placement: &SlotAssignment,
    total: Minutes,
) -> Result<(), Rejection> {
    let Some(start) = placement.start() else { return Ok(()) };
    let booking = Interval::from_start(day.clock().instant(start), total);
    match day.bookings.tightest_seats(booking, &day.stretches) {
        Some(seats) if seats.free() > 0 => Ok(()),
        Some(_) | None => Err(Rejection::SlotTaken { alternatives: vec![] }),
    }
}
