//! The bounds on bookings of strangers, who have no token of the clinic. Nothing here bounds the clinic itself.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::command::RequestReservation;
use super::event::Stranger;
use super::limits::MAX_STRANGER_DAY_ENTRIES;
use super::rejection::Rejection;
use super::slot_assignment::SlotAssignment;
use super::state::{Booking, DaySchedule};
use crate::id::ServiceId;
use crate::time::Minutes;

/// What a stranger's request brings to its decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerRequest {
    /// What the event records about the sender.
    pub recorded: Stranger,
    /// The first bound beyond the day that a new booking would exceed. The caller counts; a repeated request needs no place.
    pub exceeded: Option<BoundReached>,
    /// Whether a patient may have two open bookings at the same time.
    pub may_overlap: bool,
}

/// A bound on bookings of strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookingBound {
    /// New bookings of one phone number over time.
    Number,
    /// Open bookings of one patient.
    Patient,
    /// Open bookings from one network.
    Network,
    /// Open bookings of all strangers.
    All,
    /// Open bookings of strangers on the day.
    Day,
}

/// A bound that a new booking would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundReached {
    pub bound: BookingBound,
    /// When there is room again at the latest; `None` if that depends on others.
    pub room: Option<RoomAgain>,
}

/// When there is room again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomAgain {
    pub at: DateTime<Utc>,
    pub wait: Duration,
}

impl RoomAgain {
    /// From the moment of the decision. A wait that is too long for a moment is none.
    pub fn after(wait: Duration, now: DateTime<Utc>) -> Option<Self> {
        let at = now.checked_add_signed(TimeDelta::from_std(wait).ok()?)?;
        Some(Self { at, wait })
    }

    /// At a moment.
    pub fn at(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { at, wait: (at - now).to_std().unwrap_or_default() }
    }
}

impl BoundReached {
    /// Whether it is the bound of a number, beyond which nothing about the number's bookings may be told.
    pub(super) fn is_of_number(&self) -> bool {
        self.bound == BookingBound::Number
    }
}

/// Checks a new booking that the rules accept. The order matters: the bound of a number limits how often somebody can try
/// whether a patient has a booking.
pub(super) fn check_bounds(
    schedule: &DaySchedule,
    request: &RequestReservation,
    placement: &SlotAssignment,
    treatment: Minutes,
) -> Result<(), Rejection> {
    let Some(stranger) = &request.stranger else { return Ok(()) };
    if let Some(exceeded) = stranger.exceeded {
        return Err(Rejection::BoundReached(exceeded));
    }
    if schedule.open_of_strangers() >= MAX_STRANGER_DAY_ENTRIES {
        return Err(Rejection::BoundReached(BoundReached { bound: BookingBound::Day, room: None }));
    }
    let is_own = |booking: &Booking| booking.status.is_open() && booking.patient == Some(request.patient);
    let is_same_time = |booking: &Booking| overlaps(booking, &request.service, placement, treatment);
    let overlap = schedule.bookings().any(|(_, booking)| is_own(booking) && is_same_time(booking));
    if overlap && !stranger.may_overlap { Err(Rejection::OverlappingBooking) } else { Ok(()) }
}

/// Whether a booking and a request of one patient are for the same time. The buffer after a treatment takes the clinic's time,
/// not the patient's. Without two times, they are if they are for the same service in the same half-day, or both wait for a
/// review.
fn overlaps(booking: &Booking, service: &ServiceId, placement: &SlotAssignment, treatment: Minutes) -> bool {
    let own = booking.placement.span(booking.treatment.unwrap_or(booking.total_minutes));
    match (own, placement.span(treatment)) {
        (Some(own), Some(requested)) => own.overlaps(requested),
        (None, _) | (_, None) => {
            booking.service == *service && booking.placement.period() == placement.period()
        }
    }
}
