//! The dynamic rule set: treatment and buffer fit into the clinic hours, and the period, the day and the service have
//! enough minutes left. It never counts bookings; that is the legacy rule set.

use super::{Candidate, Day, seats};
use crate::schedule::{Booking, Rejection, SlotAssignment};
use crate::time::{Minutes, Period};

/// Checks all rules of this set.
pub fn check(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    check_fits(day, candidate)?;
    check_daily_minutes(day, candidate)?;
    match candidate.placement {
        SlotAssignment::At { period, .. } | SlotAssignment::Period(period) => {
            check_period(day, candidate, *period)
        }
        SlotAssignment::Review(_) => check_day(day, candidate),
    }
}

/// Treatment and buffer have to end before the clinic slot does. A booking for a half-day has to fit into one of its slots.
fn check_fits(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    let needed = candidate.total_minutes;
    let left = match candidate.placement {
        SlotAssignment::At { start, .. } => seats::seat_slot(day, &candidate.service.id, *start)
            .map(|slot| slot.span.end.minutes().saturating_sub(start.minutes())),
        SlotAssignment::Period(period) => {
            open_slots(day, candidate, Some(*period)).map(|(minutes, _)| minutes).max()
        }
        SlotAssignment::Review(_) => return Ok(()),
    };
    match left.unwrap_or(0) {
        left if left >= needed => Ok(()),
        left => Err(Rejection::DoesNotFit { needed, left }),
    }
}

/// Minutes and seats of the clinic slots that the candidate may use.
fn open_slots<'a>(
    day: &'a Day<'_>,
    candidate: &'a Candidate<'_>,
    period: Option<Period>,
) -> impl Iterator<Item = (Minutes, u32)> {
    day.hours
        .on(day.schedule.date)
        .filter(move |slot| {
            slot.admits(&candidate.service.id) && period.is_none_or(|period| period == slot.period)
        })
        .map(|slot| (slot.span.minutes(), slot.max_concurrent))
}

fn capacity(day: &Day<'_>, candidate: &Candidate<'_>, period: Option<Period>) -> Minutes {
    open_slots(day, candidate, period).map(|(minutes, seats)| minutes * seats).sum()
}

fn check_period(day: &Day<'_>, candidate: &Candidate<'_>, period: Period) -> Result<(), Rejection> {
    let booked: Minutes = day
        .holding(candidate)
        .filter(|booking| booking.placement.period() == Some(period))
        .map(|booking| booking.total_minutes)
        .sum();
    match capacity(day, candidate, Some(period)).saturating_sub(booked) {
        left if left >= candidate.total_minutes => Ok(()),
        left => Err(Rejection::PeriodFull { period, left }),
    }
}

/// A booking under review gets its time later, so its minutes only have to fit somewhere in the day.
fn check_day(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    let booked: Minutes = day.holding(candidate).map(|booking| booking.total_minutes).sum();
    match capacity(day, candidate, None).saturating_sub(booked) {
        left if left >= candidate.total_minutes => Ok(()),
        left => Err(Rejection::DayFull { left }),
    }
}

fn check_daily_minutes(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    let limit =
        candidate.service.limit.filter(|limit| limit.is_active).and_then(|limit| limit.daily_limit_minutes);
    let Some(limit) = limit else { return Ok(()) };
    let own = |booking: &&Booking| booking.service == candidate.service.id;
    let consumed: Minutes = day.holding(candidate).filter(own).map(|booking| booking.total_minutes).sum();
    let requested = candidate.total_minutes;
    if consumed.saturating_add(requested) <= limit {
        Ok(())
    } else {
        Err(Rejection::DailyMinutesReached { limit, consumed, requested })
    }
}
