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
use crate::time::{DayClock, Interval, Minutes};

/// What a stranger's request brings to its decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerRequest {
    /// What the event records about the sender.
    pub recorded: Stranger,
    pub exceeded: ExceededBounds,
    /// Whether a patient may have two open bookings at the same time.
    pub may_overlap: bool,
}

/// The bounds beyond the day that a new booking would exceed, in the order in which they are checked. The caller counts; a
/// repeated request needs no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExceededBounds {
    /// Of all strangers, or of the network.
    pub common: Option<BoundReached>,
    pub number: Option<BoundReached>,
    pub patient: Option<BoundReached>,
}

/// A bound on bookings of strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookingBound {
    /// Tries of one phone number over time.
    Number,
    /// Other requests with the idempotency key of a booking.
    Key,
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
    /// Whether requests that are being decided make the bound, so that nobody knows yet.
    pub is_pending: bool,
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
    /// Recorded bookings or tries make the bound.
    pub const fn new(bound: BookingBound, room: Option<RoomAgain>) -> Self {
        Self { bound, room, is_pending: false }
    }

    /// Requests that are being decided make the bound.
    pub const fn pending(bound: BookingBound) -> Self {
        Self { bound, room: None, is_pending: true }
    }
}

impl Rejection {
    /// Whether a stranger's request with another birth date could have got another answer. The caller bounds how often a number
    /// gets one that does.
    pub const fn depends_on_patient(&self) -> bool {
        match self {
            Self::BoundReached(reached) => matches!(reached.bound, BookingBound::Patient),
            Self::OverlappingBooking | Self::AlreadyRequested(_) | Self::KeyReused => true,
            Self::OutOfRange(_)
            | Self::ServiceNotFound
            | Self::ServiceInactive
            | Self::ServiceNotOffered
            | Self::DatePassed
            | Self::DateTooFarAhead
            | Self::TimePassed
            | Self::ClinicClosed
            | Self::OutsideHours
            | Self::OtherPeriod
            | Self::DoesNotFit { .. }
            | Self::TimeClosed { .. }
            | Self::SlotTaken { .. }
            | Self::PeriodFull { .. }
            | Self::DayFull { .. }
            | Self::DailyCountReached { .. }
            | Self::DailyMinutesReached { .. }
            | Self::ScheduleFull
            | Self::ReservationNotFound(_)
            | Self::VersionMismatch { .. }
            | Self::TransitionNotAllowed { .. }
            | Self::StatusStands { .. }
            | Self::NotBegun { .. }
            | Self::TimeNotRead
            | Self::NotMovable(_)
            | Self::TimeNotReviewable
            | Self::ClosureNotFound(_)
            | Self::ClosureEmpty
            | Self::ClosureServiceNotFound(_) => false,
        }
    }
}

/// Checks a new booking that the rules accept, up to the bound of its number. Nothing here depends on the birth date; what
/// comes after it does, so the bound of a number limits how often somebody can try one.
pub(super) fn check_common_bounds(
    schedule: &DaySchedule,
    request: &RequestReservation,
) -> Result<(), Rejection> {
    let Some(StrangerRequest { exceeded, .. }) = &request.stranger else { return Ok(()) };
    let is_full = schedule.open_of_strangers() >= MAX_STRANGER_DAY_ENTRIES;
    let of_day = is_full.then(|| BoundReached::new(BookingBound::Day, None));
    match exceeded.common.or(of_day).or(exceeded.number) {
        Some(reached) => Err(Rejection::BoundReached(reached)),
        None => Ok(()),
    }
}

/// Checks a new booking that the common bounds accept against the other bookings of its patient.
pub(super) fn check_patient_bounds(
    schedule: &DaySchedule,
    request: &RequestReservation,
    placement: &SlotAssignment,
    treatment: Minutes,
    clock: &DayClock,
) -> Result<(), Rejection> {
    let Some(stranger) = &request.stranger else { return Ok(()) };
    let requested = (&request.service, placement, placement.interval(clock, treatment));
    let is_own = |booking: &Booking| booking.status.is_open() && booking.patient == Some(request.patient);
    let is_same_time = |booking: &Booking| overlaps(booking, requested, clock);
    let overlap = schedule.bookings().any(|(_, booking)| is_own(booking) && is_same_time(booking));
    if overlap && !stranger.may_overlap {
        return Err(Rejection::OverlappingBooking);
    }
    stranger.exceeded.patient.map_or(Ok(()), |reached| Err(Rejection::BoundReached(reached)))
}

/// Whether a booking and a request of one patient are for the same time. The buffer after a treatment takes the clinic's time,
/// not the patient's. Without two times, they are if they are for the same service in the same half-day, or both wait for a
/// review.
fn overlaps(
    booking: &Booking,
    (service, placement, requested): (&ServiceId, &SlotAssignment, Option<Interval>),
    clock: &DayClock,
) -> bool {
    let own = booking.placement.interval(clock, booking.treatment.unwrap_or(booking.total_minutes));
    match (own, requested) {
        (Some(own), Some(requested)) => own.overlaps(requested),
        (None, _) | (_, None) => {
            booking.service == *service && booking.placement.period() == placement.period()
        }
    }
}
