//! The list of times that can be booked, drawn up with the rules that judge a booking.

use super::{Candidate, Day, check, dynamic, legacy, seats};
use crate::catalog::Service;
use crate::hours::ClinicSlot;
use crate::schedule::{Rejection, SlotAssignment};
use crate::time::{ClockTime, Minutes, Period, Span};
use crate::vocabulary::ReadModel;

/// Times that are suggested in place of a taken one, at most.
pub const MAX_ALTERNATIVES: usize = 3;

/// One start that the clinic's hours offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeSlot {
    /// When.
    pub start: ClockTime,
    /// In which half of the day.
    pub period: Period,
    /// Seats there are.
    pub capacity: u32,
    /// Seats that are taken.
    pub taken: u32,
    /// Why it cannot be booked, if so.
    pub refusal: Option<Rejection>,
}

/// All starts of a day for a service, in the order of the day, each with whether it can be booked.
///
/// A start at which treatment and clearing up would run past the stretch is not offered, under either rule set. A client
/// that asks for one all the same is judged by its own: the old system took such bookings, and its clients still may.
pub fn offers(day: &Day<'_>, service: &Service, judge: ReadModel) -> Vec<TimeSlot> {
    let mut offers: Vec<TimeSlot> = day
        .hours
        .on(day.book.date)
        .filter(|slot| slot.admits(&service.id))
        .flat_map(|slot| {
            starts(slot, service.total_minutes()).map(move |start| offer(day, service, slot, start, judge))
        })
        .collect();
    offers.sort_by_key(|offer| offer.start);
    offers.dedup_by_key(|offer| offer.start);
    offers
}

/// The starts of a stretch from which so many minutes end before it does.
fn starts(slot: &ClinicSlot, total: Minutes) -> impl Iterator<Item = ClockTime> {
    let count = slot.span.minutes().div_ceil(slot.slot_interval);
    (0..count)
        .map(|place| slot.span.start.plus(place * slot.slot_interval))
        .filter(move |start| slot.span.encloses(Span::from_start(*start, total)))
}

fn offer(
    day: &Day<'_>,
    service: &Service,
    slot: &ClinicSlot,
    start: ClockTime,
    judge: ReadModel,
) -> TimeSlot {
    let placement = SlotAssignment::At { start, period: slot.period };
    let candidate = candidate(service, &placement);
    let capacity = seats::seat_slot(day, &service.id, start).map_or(0, |slot| slot.max_concurrent);
    let taken = seats::taken(day, &candidate, Span::from_start(start, candidate.total_minutes)).min(capacity);
    TimeSlot { start, period: slot.period, capacity, taken, refusal: refusal(day, &candidate, judge) }
}

fn candidate<'a>(service: &'a Service, placement: &'a SlotAssignment) -> Candidate<'a> {
    Candidate { service, total_minutes: service.total_minutes(), placement, ignoring: None }
}

/// Like [`check`], but without alternatives for a taken seat: those are drawn up from this.
fn refusal(day: &Day<'_>, candidate: &Candidate<'_>, judge: ReadModel) -> Option<Rejection> {
    let passed = candidate
        .placement
        .start()
        .is_some_and(|start| (day.book.date, start) <= (day.now.date(), ClockTime::of(day.now)));
    if passed {
        return Some(Rejection::TimePassed);
    }
    let by_rule_set = match judge {
        ReadModel::Legacy => legacy::check(day, candidate),
        ReadModel::Dynamic => dynamic::check(day, candidate),
    };
    seats::check_open(day, candidate).and(by_rule_set).and_then(|()| seats::check_seat(day, candidate)).err()
}

/// Up to three free times of the candidate's period, nearest to its start first.
pub(super) fn alternatives(day: &Day<'_>, candidate: &Candidate<'_>, judge: ReadModel) -> Vec<ClockTime> {
    let (Some(start), Some(period)) = (candidate.placement.start(), candidate.placement.period()) else {
        return vec![];
    };
    let mut free: Vec<ClockTime> = day
        .hours
        .on(day.book.date)
        .filter(|slot| slot.period == period && slot.admits(&candidate.service.id))
        .flat_map(|slot| starts(slot, candidate.total_minutes))
        .filter(|other| {
            let placement = SlotAssignment::At { start: *other, period };
            refusal(day, &Candidate { placement: &placement, ..*candidate }, judge).is_none()
        })
        .collect();
    free.sort_by_key(|other| (other.minutes().abs_diff(start.minutes()), *other));
    free.dedup();
    free.truncate(MAX_ALTERNATIVES);
    free
}

/// Whether a candidate without a time of its own, by period, could be booked.
pub fn period_refusal(
    day: &Day<'_>,
    service: &Service,
    period: Period,
    judge: ReadModel,
) -> Option<Rejection> {
    let placement = SlotAssignment::Period(period);
    check(day, &candidate(service, &placement), judge).err()
}
