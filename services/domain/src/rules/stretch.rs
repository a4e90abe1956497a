//! Where a service can be booked on a day, and where staff have closed it, in time that passes.

use super::Day;
use crate::hours::ClinicSlot;
use crate::id::ServiceId;
use crate::schedule::Closure;
use crate::time::{ClockTime, DayClock, Instant, Interval, Minutes};

/// A part of the day in which a service takes the seats of one clinic slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch<'a> {
    pub(super) slot: &'a ClinicSlot,
    /// When a booking can start in it. A clinic slot of its own comes before a shared one, so this is not all of a shared
    /// slot if the service has its own seats for a part of it.
    pub(super) starts: Interval,
    /// The whole clinic slot, in which a booking can end.
    pub(super) whole: Interval,
}

impl<'a> Stretch<'a> {
    /// The stretches of a service, sorted. They do not overlap.
    pub(super) fn all(day: &Day<'a>, service: &ServiceId) -> Vec<Self> {
        let admitted = || day.hours.on(day.schedule.date).filter(|slot| slot.admits(service));
        let own =
            || admitted().filter(|slot| slot.service.is_some()).map(|slot| day.clock.interval(slot.span));
        let mut stretches = Vec::new();
        for slot in admitted() {
            let whole = day.clock.interval(slot.span);
            let parts = if slot.service.is_some() { vec![whole] } else { whole.without(own()) };
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            stretches.extend(parts.map(|starts| Self { slot, starts, whole }));
        }
        stretches.sort_by_key(|stretch| stretch.starts.start);
        stretches
    }

    /// The start times of the clinic's grid from which `total` minutes fit into the clinic slot.
    pub(super) fn grid(
        &self,
        clock: &DayClock,
        total: Minutes,
    ) -> impl Iterator<Item = (ClockTime, Instant)> {
        let (stretch, clock) = (*self, *clock);
        let step = stretch.slot.slot_interval.max(1);
        (0..stretch.slot.span.minutes().div_ceil(step))
            .map(move |index| stretch.slot.span.start.plus(index * step))
            .filter(move |start| clock.shows(*start))
            .map(move |start| (start, clock.instant(start)))
            .filter(move |(_, instant)| stretch.starts.contains(*instant))
            .filter(move |(_, instant)| instant.plus(total) <= stretch.whole.end)
    }
}

/// A closure that applies to a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closed<'a> {
    pub(super) closure: &'a Closure,
    pub(super) interval: Interval,
}

impl<'a> Closed<'a> {
    /// Those with a reason come first, so that patients learn one where several closures meet.
    pub(super) fn all(day: &Day<'a>, service: &ServiceId) -> Vec<Self> {
        let mut closures: Vec<&Closure> =
            day.schedule.closures().filter(|closure| closure.applies_to(service)).collect();
        closures.sort_by_key(|closure| closure.reason.is_none());
        let closed = |closure: &'a Closure| Self { closure, interval: day.clock.interval(closure.span) };
        closures.into_iter().map(closed).collect()
    }
}
