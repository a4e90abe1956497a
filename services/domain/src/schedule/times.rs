//! Decides another time for a booking, and what the time of a booking allows.

use super::command::{ReservationChange, ReviewedTime};
use super::decide::DecisionContext;
use super::rejection::Rejection;
use super::slot_assignment::SlotAssignment;
use super::state::{Booking, DaySchedule};
use super::values::check_start;
use crate::id::ReservationId;
use crate::rules::{self, Candidate, Day};
use crate::time::ClockTime;
use crate::vocabulary::{RuleSet, Status};

/// Checks a change of status against the clock and the slot: no outcome before the start, and no confirmation of a text
/// that nobody has read.
pub(super) fn check_time_for(
    schedule: &DaySchedule,
    booking: &Booking,
    change: &ReservationChange,
    context: &DecisionContext<'_>,
) -> Result<(), Rejection> {
    let is_unread = matches!(booking.placement, SlotAssignment::Review(_));
    if is_unread && matches!(change, ReservationChange::Confirm) {
        return Err(Rejection::TimeNotRead);
    }
    match change.target_status() {
        Some(to @ (Status::Completed | Status::NoShow))
            if !has_begun(schedule, &booking.placement, context) =>
        {
            Err(Rejection::NotBegun { to })
        }
        _ => Ok(()),
    }
}

/// Whether the time of a slot has come: its start, the start of its half-day, or else its day.
fn has_begun(schedule: &DaySchedule, placement: &SlotAssignment, context: &DecisionContext<'_>) -> bool {
    let start = match placement {
        SlotAssignment::At { start, .. } => Some(*start),
        SlotAssignment::Period(period) => {
            let slots = context.hours.on(schedule.date).filter(|slot| slot.period == *period);
            slots.map(|slot| slot.span.start).min()
        }
        SlotAssignment::Review(_) => None,
    };
    match start {
        Some(start) => context.now.zone.day_clock(schedule.date).instant(start) <= context.now.instant.into(),
        None => schedule.date <= context.now.today(),
    }
}

/// Whether it is too late to put a booking into a slot: a half-day can be used until it ends.
fn has_passed(schedule: &DaySchedule, placement: &SlotAssignment, context: &DecisionContext<'_>) -> bool {
    let SlotAssignment::Period(period) = placement else { return has_begun(schedule, placement, context) };
    let slots = context.hours.on(schedule.date).filter(|slot| slot.period == *period);
    match slots.map(|slot| slot.span.end).max() {
        Some(end) => context.now.zone.day_clock(schedule.date).instant(end) <= context.now.instant.into(),
        None => has_begun(schedule, placement, context),
    }
}

/// Decides the slot of a booking that gets another time; `None` if it has that slot already.
///
/// An appointment cannot be moved into the past, where it would have an outcome at once. A text that nobody has read is
/// not moved: staff say what it means, and that may have passed.
pub(super) fn decide_move(
    schedule: &DaySchedule,
    reservation: &ReservationId,
    booking: &Booking,
    start: ClockTime,
    rules: RuleSet,
    context: &DecisionContext<'_>,
) -> Result<Option<SlotAssignment>, Rejection> {
    let placement = SlotAssignment::at(start, context.hours, schedule.date);
    check_start(&placement)?;
    if booking.placement == placement {
        return Ok(None);
    }
    if !booking.status.is_open() {
        return Err(Rejection::NotMovable(booking.status));
    }
    let is_moved = !matches!(booking.placement, SlotAssignment::Review(_));
    check_not_backdated(schedule, booking, &placement, is_moved, context)?;
    // What a text of a day that is over means is a fact, so it is not rejected for capacity.
    if schedule.date >= context.now.today() {
        let service = context.catalog.get(&booking.service).ok_or(Rejection::ServiceNotFound)?;
        let candidate = Candidate {
            service,
            total_minutes: booking.total_minutes,
            placement: &placement,
            ignoring: Some(reservation),
        };
        let (rules, _) = context.rule_sets(rules);
        let day = Day::new(schedule, context.hours, context.now).for_desk();
        rules::check_move(&day, &candidate, rules)?;
    }
    Ok(Some(placement))
}

/// Decides the slot of a booking whose requested time a person has reviewed; `None` if it has that slot already.
///
/// A half-day takes no seat and is never rejected for one. A time on a day that is not over needs an open clinic and a
/// free seat. The limits of a rule set do not apply, because the booking already counts towards the day.
pub(super) fn decide_review(
    schedule: &DaySchedule,
    reservation: &ReservationId,
    booking: &Booking,
    reviewed_time: ReviewedTime,
    context: &DecisionContext<'_>,
) -> Result<Option<SlotAssignment>, Rejection> {
    let placement = match reviewed_time {
        ReviewedTime::At(start) => SlotAssignment::at(start, context.hours, schedule.date),
        ReviewedTime::Period(period) => SlotAssignment::Period(period),
    };
    check_start(&placement)?;
    if booking.placement == placement {
        return Ok(None);
    }
    if !booking.is_reviewable {
        return Err(Rejection::TimeNotReviewable);
    }
    check_not_backdated(schedule, booking, &placement, false, context)?;
    let takes_seat = placement.start().is_some() && booking.status.holds_seat();
    if takes_seat && schedule.date >= context.now.today() {
        let service = context.catalog.get(&booking.service).ok_or(Rejection::ServiceNotFound)?;
        let candidate = Candidate {
            service,
            total_minutes: booking.total_minutes,
            placement: &placement,
            ignoring: Some(reservation),
        };
        rules::check_common(&Day::new(schedule, context.hours, context.now), &candidate)?;
    }
    Ok(Some(placement))
}

/// Checks that another slot has not passed. Reading the text of a booking whose time has come says what was asked for, so
/// only a move is refused then.
fn check_not_backdated(
    schedule: &DaySchedule,
    booking: &Booking,
    placement: &SlotAssignment,
    is_moved: bool,
    context: &DecisionContext<'_>,
) -> Result<(), Rejection> {
    let may_have_passed = !is_moved && has_begun(schedule, &booking.placement, context);
    if may_have_passed || !has_passed(schedule, placement, context) {
        Ok(())
    } else {
        Err(Rejection::TimePassed)
    }
}
