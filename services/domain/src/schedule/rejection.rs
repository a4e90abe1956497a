//! The facts that stop a command on a page. They are values for the caller, not errors of the system.

use crate::id::{ClosureId, ReservationId, ServiceId};
use crate::time::{ClockTime, Minutes, Period};
use crate::vocabulary::Status;

/// The fact that stopped a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No service has this id.
    #[error("there is no such service")]
    ServiceNotFound,
    /// The service can no longer be booked.
    #[error("the service can no longer be booked")]
    ServiceInactive,
    /// The day is over.
    #[error("the date has passed")]
    DatePassed,
    /// The day is further ahead than bookings are taken.
    #[error("bookings are taken up to {} days ahead", super::decide::MAX_DAYS_AHEAD)]
    DateTooFarAhead,
    /// The time of day is over.
    #[error("the time has passed")]
    TimePassed,
    /// The clinic does not treat on this day.
    #[error("the clinic is closed on this day")]
    ClinicClosed,
    /// The clinic does not treat at this time of this day.
    #[error("the time is outside the clinic's hours")]
    OutsideHours,
    /// Treatment and clearing up would run past the end of the clinic's hours.
    #[error("the treatment takes {needed} minutes and {left} are left")]
    DoesNotFit {
        /// Minutes it takes.
        needed: Minutes,
        /// Minutes until the stretch ends.
        left: Minutes,
    },
    /// Staff closed this time.
    #[error("the clinic has closed this time")]
    TimeClosed {
        /// Why, as booking clients are told.
        reason: Option<Box<str>>,
    },
    /// As many bookings run at this time as may.
    #[error("the time is taken")]
    SlotTaken {
        /// Up to three free times of the same period, nearest first.
        alternatives: Vec<ClockTime>,
    },
    /// The period has not enough minutes left.
    #[error("the {} has {left} minutes left", period.as_str())]
    PeriodFull {
        /// Which half of the day.
        period: Period,
        /// Minutes left in it.
        left: Minutes,
    },
    /// The day has not enough minutes left.
    #[error("the day has {left} minutes left")]
    DayFull {
        /// Minutes left in it.
        left: Minutes,
    },
    /// The day holds as many bookings of the service as it may.
    #[error("the day holds {limit} bookings of this service, as many as it may")]
    DailyCountReached {
        /// Bookings a day.
        limit: u32,
    },
    /// The day holds as many minutes of the service as it may.
    #[error(
        "{consumed} of {limit} minutes of this service are booked on this day; {requested} more do not fit"
    )]
    DailyMinutesReached {
        /// Minutes a day.
        limit: Minutes,
        /// Minutes booked.
        consumed: Minutes,
        /// Minutes asked for.
        requested: Minutes,
    },
    /// The page is at its bound.
    #[error("the day holds as many entries as a page may")]
    PageFull,
    /// The same idempotency key came with another booking.
    #[error("the idempotency key was used for another booking")]
    KeyReused,
    /// No booking of this id is on the page.
    #[error("there is no reservation {0}")]
    ReservationNotFound(ReservationId),
    /// The booking changed since the caller looked at it.
    #[error("the reservation is at version {actual}, not {expected}")]
    VersionMismatch {
        /// What the caller saw.
        expected: u32,
        /// What is.
        actual: u32,
    },
    /// The transition table has no such step.
    #[error("a reservation that is {from} cannot become {to}")]
    TransitionNotAllowed {
        /// Where it stands.
        from: Status,
        /// Where it was to go.
        to: Status,
    },
    /// A booking that is over cannot be moved.
    #[error("a reservation that is {0} cannot be given another time")]
    NotMovable(Status),
    /// Nobody need say what the wish means.
    #[error("the wish was understood; a booking with a time is rescheduled instead")]
    WishUnderstood,
    /// No closure of this id is on the page.
    #[error("there is no closure {0}")]
    ClosureNotFound(ClosureId),
    /// The closure ends before it starts.
    #[error("a closure must end after it starts")]
    ClosureEmpty,
    /// A closure was asked for a service that is not there.
    #[error("there is no service {0}")]
    ClosureServiceNotFound(ServiceId),
}

impl Rejection {
    /// A name for metrics and for the record of differing verdicts. Storage format.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ServiceNotFound => "SERVICE_NOT_FOUND",
            Self::ServiceInactive => "SERVICE_INACTIVE",
            Self::DatePassed => "DATE_PASSED",
            Self::DateTooFarAhead => "DATE_TOO_FAR_AHEAD",
            Self::TimePassed => "TIME_PASSED",
            Self::ClinicClosed => "CLINIC_CLOSED",
            Self::OutsideHours => "OUTSIDE_HOURS",
            Self::DoesNotFit { .. } => "DOES_NOT_FIT",
            Self::TimeClosed { .. } => "TIME_CLOSED",
            Self::SlotTaken { .. } => "SLOT_TAKEN",
            Self::PeriodFull { .. } => "PERIOD_FULL",
            Self::DayFull { .. } => "DAY_FULL",
            Self::DailyCountReached { .. } => "DAILY_COUNT_REACHED",
            Self::DailyMinutesReached { .. } => "DAILY_MINUTES_REACHED",
            Self::PageFull => "PAGE_FULL",
            Self::KeyReused => "KEY_REUSED",
            Self::ReservationNotFound(_) => "RESERVATION_NOT_FOUND",
            Self::VersionMismatch { .. } => "VERSION_MISMATCH",
            Self::TransitionNotAllowed { .. } => "TRANSITION_NOT_ALLOWED",
            Self::NotMovable(_) => "NOT_MOVABLE",
            Self::WishUnderstood => "WISH_UNDERSTOOD",
            Self::ClosureNotFound(_) => "CLOSURE_NOT_FOUND",
            Self::ClosureEmpty => "CLOSURE_EMPTY",
            Self::ClosureServiceNotFound(_) => "CLOSURE_SERVICE_NOT_FOUND",
        }
    }
}
