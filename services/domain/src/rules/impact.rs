//! The bookings that a change of the clinic concerns: they stay as they are, and somebody has to call the patients.
//!
//! It never refuses a change, and it uses the rules that decide bookings.

use super::service_day::ServiceDay;
use super::{Candidate, Day, check_common, dynamic, legacy};
use crate::catalog::{Catalog, Service};
use crate::hours::{ClinicSlot, Hours};
use crate::id::ReservationId;
use crate::schedule::{Booking, Closure, DaySchedule, SlotAssignment};
use crate::time::{ClinicNow, ClockTime, Period, Span};

/// Whether a closure concerns a booking: it overlaps the time or the half-day, or nobody knows the time yet.
pub fn is_hit_by_closure(day: &Day<'_>, closure: &Closure, booking: &Booking) -> bool {
    let closed = day.clock.interval(closure.span);
    let is_closed = |span| day.clock.interval(span).overlaps(closed);
    if !booking.status.is_open() || !closure.applies_to(&booking.service) {
        return false;
    }
    match booking.placement {
        SlotAssignment::At { .. } => {
            let occupied = booking.placement.interval(&day.clock, booking.total_minutes);
            occupied.is_some_and(|occupied| occupied.overlaps(closed))
        }
        SlotAssignment::Period(period) => {
            let is_own = |slot: &&ClinicSlot| slot.period == period && slot.admits(&booking.service);
            let mut spans = day.hours.on(day.schedule.date).filter(is_own).map(|slot| slot.span).peekable();
            match spans.peek() {
                Some(_) => spans.any(is_closed),
                None => half(period).is_some_and(is_closed),
            }
        }
        SlotAssignment::Review(_) => true,
    }
}

/// A half of the day by the clock, for a day without hours.
fn half(period: Period) -> Option<Span> {
    let (midnight, noon) = (ClockTime::new(0, 0)?, ClockTime::new(12, 0)?);
    Some(match period {
        Period::Morning => Span { start: midnight, end: noon },
        Period::Afternoon => Span { start: noon, end: noon.plus(12 * 60) },
    })
}

/// Whether a booking fitted into the hours before a change and no longer does: the clinic is closed then, closes before
/// the treatment ends, or has fewer seats.
pub fn is_hit_by_hours(
    schedule: &DaySchedule,
    (before, after): (&Hours, &Hours),
    service: &Service,
    (id, booking): (&ReservationId, &Booking),
    now: ClinicNow,
) -> bool {
    let fits = |hours| {
        let candidate = Candidate {
            service,
            total_minutes: booking.total_minutes,
            placement: &booking.placement,
            ignoring: Some(id),
        };
        let day = Day::new(schedule, hours, now);
        let ends_in_time = || {
            let service_day = ServiceDay::for_candidate(&day, &candidate);
            dynamic::check_fits(&service_day, &booking.placement, booking.total_minutes).is_ok()
        };
        check_common(&day, &candidate).is_ok() && ends_in_time()
    };
    booking.status.is_open() && fits(before) && !fits(after)
}

/// Whether a booking was possible with a catalog and hours, and no longer is with later ones: its service is switched off,
/// the day exceeds the service's limits, or it does not fit into the hours.
pub fn is_hit_by_change(
    schedule: &DaySchedule,
    before: (&Catalog, &Hours),
    after: (&Catalog, &Hours),
    (id, booking): (&ReservationId, &Booking),
    now: ClinicNow,
) -> bool {
    if !booking.status.is_open() {
        return false;
    }
    let Some(service) = before.0.get(&booking.service) else { return false };
    let Some(changed) = after.0.get(&booking.service) else { return true };
    let is_switched_off = service.is_active && !changed.is_active;
    is_switched_off
        || is_over_limit(schedule, service, changed)
        || is_hit_by_hours(schedule, (before.1, after.1), changed, (id, booking), now)
}

/// Whether a day was within the limits of a service before a change and is no longer.
pub fn is_over_limit(schedule: &DaySchedule, before: &Service, after: &Service) -> bool {
    is_over(schedule, after) && !is_over(schedule, before)
}

fn is_over(schedule: &DaySchedule, service: &Service) -> bool {
    let Some(limit) = service.limit.filter(|limit| limit.is_active) else { return false };
    let held = || {
        let bookings = schedule.bookings().map(|(_, booking)| booking);
        bookings.filter(|booking| booking.status.holds_seat())
    };
    let count = held().filter(|booking| legacy::counts_for(service, booking)).count();
    let own = held().filter(|booking| booking.service == service.id);
    let minutes: u32 = own.map(|booking| booking.total_minutes).fold(0, u32::saturating_add);
    legacy::daily_limit(service).is_some_and(|limit| count > limit as usize)
        || limit.daily_limit_minutes.is_some_and(|limit| minutes > limit)
}
