//! The rules for every booking, whatever the rule set: the clinic is open, the time is not closed, no seat is booked
//! twice. No limit of a rule set belongs here.

use super::{Candidate, Day};
use crate::hours::ClinicSlot;
use crate::id::ServiceId;
use crate::schedule::{Closure, Rejection, SlotAssignment};
use crate::time::{ClockTime, Period, Span};

/// Checks that the clinic is open at that time and that staff have not closed it.
pub fn check_open(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    let mut slots =
        day.hours.on(day.schedule.date).filter(|slot| slot.admits(&candidate.service.id)).peekable();
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
    match day.schedule.closures().find(|closure| closure.applies_to(service) && closure.span.overlaps(span)) {
        Some(closure) => Err(Rejection::TimeClosed { reason: closure.reason.clone() }),
        None => Ok(()),
    }
}

/// A period is open unless closures cover each of its clinic slots completely.
fn check_period_open(day: &Day<'_>, service: &ServiceId, period: Period) -> Result<(), Rejection> {
    let mut refusal = Rejection::OutsideHours;
    for slot in day.hours.on(day.schedule.date).filter(|slot| slot.period == period && slot.admits(service)) {
        let closed = |closure: &&Closure| closure.applies_to(service) && closure.span.encloses(slot.span);
        match day.schedule.closures().find(closed) {
            Some(closure) => refusal = Rejection::TimeClosed { reason: closure.reason.clone() },
            None => return Ok(()),
        }
    }
    Err(refusal)
}

/// Checks that a seat is free at every minute of the booking.
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

/// The clinic slot whose seats a booking of this service takes at this time. A slot of its own comes before a shared one.
pub fn seat_slot<'a>(day: &Day<'a>, service: &ServiceId, start: ClockTime) -> Option<&'a ClinicSlot> {
    day.hours
        .on(day.schedule.date)
        .filter(|slot| slot.admits(service) && slot.span.contains(start))
        .max_by_key(|slot| slot.service.is_some())
}

/// The maximum number of the candidate's seats that are taken at any minute of a span.
///
/// Consecutive bookings share a seat, so the peak counts and not the number of overlapping bookings: intervals with a
/// peak of `n` always fit on `n` seats.
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
    // A seat that is freed at some minute can be taken at the same minute: -1 sorts before 1.
    edges.sort_unstable();
    let running = edges.into_iter().scan(0i32, |running, (_, change)| {
        *running += change;
        Some(*running)
    });
    running.max().unwrap_or(0).unsigned_abs()
}
