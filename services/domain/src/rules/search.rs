//! The list of bookable times. It uses the rules that decide a booking and must not add any of its own.

use super::{Candidate, Day, check, check_rule_set, seats};
use crate::catalog::Service;
use crate::hours::ClinicSlot;
use crate::schedule::{Rejection, SlotAssignment};
use crate::time::{ClockTime, Minutes, Period, Span};
use crate::vocabulary::RuleSet;

/// Maximum number of times suggested in place of a taken one.
pub const MAX_ALTERNATIVES: usize = 3;

/// One start time from the clinic's hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeSlot {
    pub start: ClockTime,
    /// The half of the day.
    pub period: Period,
    /// Number of seats.
    pub capacity: u32,
    /// Number of seats taken.
    pub taken: u32,
    /// Why the slot cannot be booked; `None` if it can.
    pub refusal: Option<Rejection>,
}

/// Returns all start times of a day for a service, sorted, each with whether it can be booked.
///
/// The list omits starts whose treatment and buffer would end after the clinic hours, under both rule sets. A client can
/// still request such a time: the legacy rules accept it, as the old system did.
pub fn time_slots(day: &Day<'_>, service: &Service, rules: RuleSet) -> Vec<TimeSlot> {
    let mut slots: Vec<TimeSlot> = day
        .hours
        .on(day.schedule.date)
        .filter(|slot| slot.admits(&service.id))
        .flat_map(|slot| {
            starts(slot, service.total_minutes())
                .map(move |start| time_slot(day, service, slot.period, start, rules))
        })
        .collect();
    slots.sort_by_key(|slot| slot.start);
    slots.dedup_by_key(|slot| slot.start);
    slots
}

/// The start times of a clinic slot from which `total` minutes fit into it.
fn starts(slot: &ClinicSlot, total: Minutes) -> impl Iterator<Item = ClockTime> {
    let count = slot.span.minutes().div_ceil(slot.slot_interval);
    (0..count)
        .map(|index| slot.span.start.plus(index * slot.slot_interval))
        .filter(move |start| slot.span.encloses(Span::from_start(*start, total)))
}

fn time_slot(day: &Day<'_>, service: &Service, period: Period, start: ClockTime, rules: RuleSet) -> TimeSlot {
    let placement = SlotAssignment::At { start, period };
    let candidate = candidate(service, &placement);
    let capacity = seats::seat_slot(day, &service.id, start).map_or(0, |slot| slot.max_concurrent);
    let taken = seats::taken(day, &candidate, Span::from_start(start, candidate.total_minutes)).min(capacity);
    TimeSlot { start, period, capacity, taken, refusal: refusal(day, &candidate, rules) }
}

fn candidate<'a>(service: &'a Service, placement: &'a SlotAssignment) -> Candidate<'a> {
    Candidate { service, total_minutes: service.total_minutes(), placement, ignoring: None }
}

/// Like [`check`], but without alternatives for a taken seat, because [`alternatives`] calls this function.
fn refusal(day: &Day<'_>, candidate: &Candidate<'_>, rules: RuleSet) -> Option<Rejection> {
    let now = (day.now.date(), ClockTime::from_local(day.now));
    if candidate.placement.start().is_some_and(|start| (day.schedule.date, start) <= now) {
        return Some(Rejection::TimePassed);
    }
    seats::check_open(day, candidate)
        .and_then(|()| check_rule_set(day, candidate, rules))
        .and_then(|()| seats::check_seat(day, candidate))
        .err()
}

/// Returns up to [`MAX_ALTERNATIVES`] free times in the candidate's period, closest to its start first.
pub(super) fn alternatives(day: &Day<'_>, candidate: &Candidate<'_>, rules: RuleSet) -> Vec<ClockTime> {
    let (Some(start), Some(period)) = (candidate.placement.start(), candidate.placement.period()) else {
        return vec![];
    };
    let mut free: Vec<ClockTime> = day
        .hours
        .on(day.schedule.date)
        .filter(|slot| slot.period == period && slot.admits(&candidate.service.id))
        .flat_map(|slot| starts(slot, candidate.total_minutes))
        .filter(|other| {
            let placement = SlotAssignment::At { start: *other, period };
            refusal(day, &Candidate { placement: &placement, ..*candidate }, rules).is_none()
        })
        .collect();
    free.sort_by_key(|other| (other.minutes().abs_diff(start.minutes()), *other));
    free.dedup();
    free.truncate(MAX_ALTERNATIVES);
    free
}

/// Returns why a booking for a half-day, without a time, is not possible; `None` if it is.
pub fn period_refusal(day: &Day<'_>, service: &Service, period: Period, rules: RuleSet) -> Option<Rejection> {
    let placement = SlotAssignment::Period(period);
    check(day, &candidate(service, &placement), rules).err()
}
