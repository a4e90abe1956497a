//! The rejections of commands on a day schedule. They are business values for the caller, never system errors.

use super::stranger::{BookingBound, BoundReached};
use crate::id::{ClosureId, ReservationId, ServiceId};
use crate::time::{ClockTime, Minutes, Period};
use crate::value::Faults;
use crate::vocabulary::Status;

/// The business fact that prevented a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Values outside their ranges.
    #[error(transparent)]
    OutOfRange(#[from] Faults),
    /// There is no service with this id.
    #[error("there is no such service")]
    ServiceNotFound,
    #[error("the service cannot be booked any more")]
    ServiceInactive,
    /// The legacy view cannot show a service without an old value, so its rule set accepts no booking of it.
    #[error("the legacy read model does not have this service")]
    ServiceNotOffered,
    /// The date is in the past.
    #[error("the date has passed")]
    DatePassed,
    /// The date is too far in the future.
    #[error("bookings are possible up to {} days ahead", super::limits::MAX_DAYS_AHEAD)]
    DateTooFarAhead,
    /// The time is in the past.
    #[error("the time has passed")]
    TimePassed,
    /// The clinic has no hours for this service on this day.
    #[error("the clinic is closed on this day")]
    ClinicClosed,
    /// The clinic is open on this day, but not at this time.
    #[error("the time is outside the clinic's hours")]
    OutsideHours,
    /// The request names a half-day that does not contain its clock time.
    #[error("the time is in the other half of the day")]
    OtherPeriod,
    /// Treatment and buffer would end after the clinic hours.
    #[error("the treatment takes {needed} minutes, but only {left} are left")]
    DoesNotFit {
        /// Treatment plus buffer.
        needed: Minutes,
        /// Minutes until the clinic slot ends.
        left: Minutes,
    },
    #[error("the clinic has closed this time")]
    TimeClosed {
        /// A reason that booking clients see.
        reason: Option<Box<str>>,
    },
    /// No seat is free at this time.
    #[error("the time is taken")]
    SlotTaken {
        /// Up to three free times of the same period, closest first.
        alternatives: Vec<ClockTime>,
    },
    /// The half-day does not have enough minutes left.
    #[error("the {} has {left} minutes left", period.as_str())]
    PeriodFull {
        /// The half of the day.
        period: Period,
        left: Minutes,
    },
    /// The day does not have enough minutes left.
    #[error("the day has {left} minutes left")]
    DayFull { left: Minutes },
    /// The daily number of bookings of the service is reached.
    #[error("the limit of {limit} bookings of this service per day is reached")]
    DailyCountReached {
        /// Bookings per day.
        limit: u32,
    },
    /// The daily minutes of the service are used up.
    #[error(
        "{consumed} of {limit} minutes of this service are booked on this day, so {requested} more do not fit"
    )]
    DailyMinutesReached {
        /// Minutes per day.
        limit: Minutes,
        /// Minutes booked already.
        consumed: Minutes,
        requested: Minutes,
    },
    /// The day has the maximum number of entries.
    #[error(
        "the day has {} open bookings and closures, which is the maximum",
        super::limits::MAX_DAY_ENTRIES
    )]
    ScheduleFull,
    /// A bound on bookings of strangers.
    #[error("a bound on bookings without a token is reached")]
    BoundReached(BoundReached),
    /// The patient has an open booking at this time.
    #[error("the patient has an open booking at the same time")]
    OverlappingBooking,
    /// The idempotency key belongs to a different request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// An equal request without a key is pending already, as this reservation.
    #[error("the same request is pending as {0}")]
    AlreadyRequested(ReservationId),
    /// There is no reservation with this id on this day.
    #[error("there is no reservation {0}")]
    ReservationNotFound(ReservationId),
    /// The reservation has changed since the caller read it.
    #[error("the reservation is at version {actual}, not {expected}")]
    VersionMismatch {
        /// The version that the caller sent.
        expected: u32,
        /// The current version.
        actual: u32,
    },
    /// The status cannot change in this way.
    #[error("the status of a reservation cannot change from {from} to {to}")]
    TransitionNotAllowed { from: Status, to: Status },
    /// The reservation has the status already, with another reason or none. What is recorded stays.
    #[error("the reservation is {status} already, and its recorded reason stays")]
    StatusStands { status: Status },
    /// The appointment has not begun, so nothing is known about its outcome.
    #[error("a reservation can be {to} only once its time has come")]
    NotBegun { to: Status },
    /// The requested time is a text that nobody has read yet.
    #[error("the requested time has to be read before the reservation is confirmed")]
    TimeNotRead,
    /// A reservation with this status cannot get another time.
    #[error("a reservation with the status {0} cannot be moved to another time")]
    NotMovable(Status),
    /// The requested time could be parsed, so there is nothing to review.
    #[error("the requested time needs no review: reschedule the reservation instead")]
    TimeNotReviewable,
    /// There is no closure with this id on this day.
    #[error("there is no closure {0}")]
    ClosureNotFound(ClosureId),
    /// The closure does not end after it starts.
    #[error("a closure must end after it starts")]
    ClosureEmpty,
    /// The closure names an unknown service.
    #[error("there is no service {0}")]
    ClosureServiceNotFound(ServiceId),
}

impl Rejection {
    /// A code for metrics and for `other_verdict` in events. Storage format.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange(_) => "OUT_OF_RANGE",
            Self::ServiceNotFound => "SERVICE_NOT_FOUND",
            Self::ServiceInactive => "SERVICE_INACTIVE",
            Self::ServiceNotOffered => "SERVICE_NOT_OFFERED",
            Self::DatePassed => "DATE_PASSED",
            Self::DateTooFarAhead => "DATE_TOO_FAR_AHEAD",
            Self::TimePassed => "TIME_PASSED",
            Self::ClinicClosed => "CLINIC_CLOSED",
            Self::OutsideHours => "OUTSIDE_HOURS",
            Self::OtherPeriod => "OTHER_PERIOD",
            Self::DoesNotFit { .. } => "DOES_NOT_FIT",
            Self::TimeClosed { .. } => "TIME_CLOSED",
            Self::SlotTaken { .. } => "SLOT_TAKEN",
            Self::PeriodFull { .. } => "PERIOD_FULL",
            Self::DayFull { .. } => "DAY_FULL",
            Self::DailyCountReached { .. } => "DAILY_COUNT_REACHED",
            Self::DailyMinutesReached { .. } => "DAILY_MINUTES_REACHED",
            Self::ScheduleFull => "PAGE_FULL",
            Self::BoundReached(reached) if reached.is_pending => "BOUND_PENDING",
            Self::BoundReached(reached) => match reached.bound {
                BookingBound::Number => "NUMBER_LIMIT_REACHED",
                BookingBound::Key => "KEY_LIMIT_REACHED",
                BookingBound::Patient => "PATIENT_LIMIT_REACHED",
                BookingBound::Network => "NETWORK_LIMIT_REACHED",
                BookingBound::All => "CLINIC_LIMIT_REACHED",
                BookingBound::Day => "DAY_LIMIT_REACHED",
            },
            Self::OverlappingBooking => "OVERLAPPING_BOOKING",
            Self::KeyReused => "KEY_REUSED",
            Self::AlreadyRequested(_) => "ALREADY_REQUESTED",
            Self::ReservationNotFound(_) => "RESERVATION_NOT_FOUND",
            Self::VersionMismatch { .. } => "VERSION_MISMATCH",
            Self::TransitionNotAllowed { .. } => "TRANSITION_NOT_ALLOWED",
            Self::StatusStands { .. } => "STATUS_STANDS",
            Self::NotBegun { .. } => "NOT_BEGUN",
            Self::TimeNotRead => "TIME_NOT_READ",
            Self::NotMovable(_) => "NOT_MOVABLE",
            Self::TimeNotReviewable => "WISH_UNDERSTOOD",
            Self::ClosureNotFound(_) => "CLOSURE_NOT_FOUND",
            Self::ClosureEmpty => "CLOSURE_EMPTY",
            Self::ClosureServiceNotFound(_) => "CLOSURE_SERVICE_NOT_FOUND",
        }
    }
}
