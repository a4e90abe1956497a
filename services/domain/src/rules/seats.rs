//! The rules that hold for everybody: the clinic is open, the time is not closed, no seat is taken twice.

use super::{Candidate, Day};
use crate::hours::ClinicSlot;
use crate::id::ServiceId;
use crate::schedule::{Rejection, SlotAssignment};
use crate::time::{ClockTime, Period, Span};

/// The clinic treats then, and staff have not closed the time.
pub fn check_open(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    let mut slots = day.hours.on(day.book.date).filter(|slot| slot.admits(&candidate.service.id)).peekable();
    if slots.peek().is_none() {
        return Err(Rejection::ClinicClosed);
    }
    match candidate.placement {
        SlotAssignment::At { start, .. } => {
            slots.find(|slot| slot.span.contains(*start)).ok_or(Rejection::OutsideHours)?;
            check_not_closed(day, &candidate.service.id, Span::from_start(*start, candidate.total_minutes))
        }
        SlotAssignment::Period(period) => check_period_open(day, &candidate.service.id, *period),
        SlotAssignment::Review(_) => Ok(()),
    }
}

fn check_not_closed(day: &Day<'_>, service: &ServiceId, span: Span) -> Result<(), Rejection> {
    match day.book.closures().find(|closure| closure.concerns(service) && closure.span.overlaps(span)) {
        Some(closure) => Err(Rejection::TimeClosed { reason: closure.reason.clone() }),
        None => Ok(()),
    }
}

/// A period is open while one of its stretches is not closed as a whole.
fn check_period_open(day: &Day<'_>, service: &ServiceId, period: Period) -> Result<(), Rejection> {
    let mut refusal = Rejection::OutsideHours;
    for slot in day.hours.on(day.book.date).filter(|slot| slot.period == period && slot.admits(service)) {
        let closed = |closure: &&crate::schedule::Closure| {
            closure.concerns(service) && closure.span.encloses(slot.span)
        };
        match day.book.closures().find(closed) {
            Some(closure) => refusal = Rejection::TimeClosed { reason: closure.reason.clone() },
            None => return Ok(()),
        }
    }
    Err(refusal)
}

/// At no minute of the booking do as many run as may.
pub fn check_seat(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    let Some(span) = candidate.placement.span(candidate.total_minutes) else {
        return Ok(());
    };
    let capacity = seat_slot(day, &candidate.service.id, span.start).map_or(0, |slot| slot.max_concurrent);
    if taken(day, candidate, span) < capacity {
        Ok(())
    } else {
        Err(Rejection::SlotTaken { alternatives: vec![] })
    }
}

/// The stretch whose seats a booking of this service takes at this time: one of its own before a shared one.
pub fn seat_slot<'a>(day: &Day<'a>, service: &ServiceId, start: ClockTime) -> Option<&'a ClinicSlot> {
    day.hours
        .on(day.book.date)
        .filter(|slot| slot.admits(service) && slot.span.contains(start))
        .max_by_key(|slot| slot.service.is_some())
}

/// The most seats of the candidate's pool that are taken at any minute of a span.
///
/// Bookings that follow one another share a seat, so it is the peak that counts, not the number that overlap. Any set
/// of intervals whose peak is `n` can be seated on `n` chairs.
pub fn taken(day: &Day<'_>, candidate: &Candidate<'_>, span: Span) -> u32 {
    let pool =
        |service: &ServiceId, start| seat_slot(day, service, start).and_then(|slot| slot.service.clone());
    let own_pool = pool(&candidate.service.id, span.start);
    let mut edges: Vec<(ClockTime, i32)> = day
        .holding(candidate)
        .filter_map(|booking| booking.occupied().map(|occupied| (booking, occupied)))
        .filter(|(_, occupied)| occupied.overlaps(span))
        .filter(|(booking, occupied)| pool(&booking.service, occupied.start) == own_pool)
        .flat_map(|(_, occupied)| [(occupied.start.max(span.start), 1), (occupied.end, -1)])
        .collect();
    // At one time a seat is freed before it is taken again: -1 sorts before 1.
    edges.sort_unstable();
    let running = edges.into_iter().scan(0i32, |running, (_, change)| {
        *running += change;
        Some(*running)
    });
    running.max().unwrap_or(0).unsigned_abs()
}
