//! Converts the rejections and errors of commands and views into problems.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use daybook_commands::CommandError;
use daybook_domain::access::AccessRejection;
use daybook_domain::catalog::CatalogRejection;
use daybook_domain::hours::HoursRejection;
use daybook_domain::routing::RoutingRejection;
use daybook_domain::schedule::{BookingBound, BoundReached, Rejection, RoomAgain};
use daybook_domain::value::{self, Range, Relation, Text};
use daybook_projections::ViewError;

use super::{Code, DailyMinutes, Details, FieldFault, Problem};

/// Retry after this, when other requests were faster.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// Retry after this, when the log or a view is unavailable.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(5);

/// The rule of an end.
const LATER_THAN_START: Range = Range::Relation(Relation::LaterThanStart);

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::OutOfRange(faults) => faults.into(),
            Rejection::ServiceNotFound
            | Rejection::ServiceNotOffered
            | Rejection::ClosureServiceNotFound(_) => Self::new(Code::UnknownService),
            Rejection::ServiceInactive => Self::new(Code::ServiceInactive),
            Rejection::DatePassed => Self::new(Code::DateInPast),
            Rejection::DateTooFarAhead => Self::new(Code::DateTooFar),
            Rejection::TimePassed => Self::new(Code::TimeInPast),
            Rejection::ClinicClosed => Self::new(Code::NoClinicHours),
            Rejection::OutsideHours => Self::new(Code::OutsideClinicHours),
            Rejection::OtherPeriod => Self::contradiction("preferred_time", "period"),
            Rejection::DoesNotFit { .. } => Self::new(Code::TimeSlotTooShort),
            Rejection::TimeClosed { reason } => {
                let closed = Details::Closed { is_manual_closed: true, closure_reason: reason };
                Self::with(Code::TimeSlotManuallyClosed, closed)
            }
            Rejection::SlotTaken { alternatives } => slot_full(alternatives),
            Rejection::PeriodFull { .. } | Rejection::DayFull { .. } => slot_full(vec![]),
            Rejection::DailyCountReached { .. } => Self::new(Code::ReservationFull),
            Rejection::DailyMinutesReached { limit, consumed, requested } => {
                let details = DailyMinutes {
                    daily_limit_minutes: limit,
                    consumed_minutes: consumed,
                    remaining_minutes: limit.saturating_sub(consumed),
                    requested_duration: requested,
                    date: None,
                };
                Self::with(Code::DailyLimitExceeded, Details::Minutes { details })
            }
            Rejection::ScheduleFull => Self::new(Code::DayScheduleFull),
            Rejection::BoundReached(reached) => bound_reached(reached),
            Rejection::OverlappingBooking => Self::new(Code::OverlappingBooking),
            Rejection::KeyReused => Self::new(Code::IdempotencyKeyReused),
            Rejection::AlreadyRequested(_) => Self::new(Code::AlreadyRequested),
            Rejection::ReservationNotFound(_) => Self::new(Code::ReservationNotFound),
            Rejection::VersionMismatch { expected, actual } => {
                Self::with(Code::VersionMismatch, Details::Version { expected, actual })
            }
            Rejection::TransitionNotAllowed { from, to } => {
                Self::with(Code::InvalidTransition, Details::Transition { from, to })
            }
            Rejection::StatusStands { status } => Self::with(Code::StatusStands, Details::Status { status }),
            Rejection::NotBegun { to } => Self::with(Code::NotBegun, Details::Status { status: to }),
            Rejection::TimeNotRead => Self::field(Code::TimeNotRead, "preferredTime"),
            Rejection::NotMovable(status) => Self::with(Code::NotMovable, Details::Status { status }),
            Rejection::TimeNotReviewable => {
                Self::out_of_range("preferredTime", Range::Relation(Relation::Reviewable))
            }
            Rejection::ClosureNotFound(_) => Self::new(Code::ClosureNotFound),
            Rejection::ClosureEmpty => {
                FieldFault::new("endTime", Code::ClosureEmpty).with_range(LATER_THAN_START).into()
            }
        }
    }
}

impl Problem {
    /// The legacy view cannot be retired or restored.
    pub(crate) fn retirement_refused(obstacle: &impl ToString) -> Self {
        Self::with(Code::RetirementRefused, Details::Obstacle { obstacle: obstacle.to_string() })
    }

    /// Adds the date to the details about minutes. The rejection itself does not contain it.
    pub(crate) fn with_date(mut self, date: NaiveDate) -> Self {
        if let Details::Minutes { details } = &mut self.details {
            details.date = Some(date);
        }
        self
    }

    /// A change without its reason.
    pub(crate) fn reason_required(allowed: Text) -> Self {
        FieldFault::new("reason", Code::ReasonRequired).with_range(allowed.range()).into()
    }

    /// Too many attempts, for so long.
    pub(crate) fn rate_limited(wait: Duration, now: DateTime<Utc>) -> Self {
        bound(Code::RateLimited, RoomAgain::after(wait, now))
    }
}

fn slot_full(suggested_times: Vec<daybook_domain::ClockTime>) -> Problem {
    Problem::with(Code::TimeSlotFull, Details::Suggested { suggested_times })
}

fn bound_reached(reached: BoundReached) -> Problem {
    if reached.is_pending {
        return Problem::new(Code::Busy).retry_after(BUSY_PAUSE);
    }
    let code = match reached.bound {
        BookingBound::Number => Code::NumberLimitReached,
        BookingBound::Key => Code::RateLimited,
        BookingBound::Patient => Code::PatientLimitReached,
        BookingBound::Network => Code::NetworkLimitReached,
        BookingBound::All => Code::ClinicLimitReached,
        BookingBound::Day => Code::DayLimitReached,
    };
    bound(code, reached.room)
}

fn bound(code: Code, room: Option<RoomAgain>) -> Problem {
    let problem = Problem::with(code, Details::Bound { until: room.map(|room| room.at) });
    room.into_iter().fold(problem, |problem, room| problem.retry_after(room.wait))
}

impl From<CatalogRejection> for Problem {
    fn from(rejection: CatalogRejection) -> Self {
        match rejection {
            CatalogRejection::CodeTaken(_) => Self::field(Code::ValueTaken, "code"),
            CatalogRejection::LegacyValueTaken(_) => Self::field(Code::ValueTaken, "legacyServiceType"),
            CatalogRejection::IdTaken(_) => Self::field(Code::ValueTaken, "id"),
            CatalogRejection::ServiceNotFound(_) => Self::new(Code::ServiceNotFound),
            CatalogRejection::OutOfRange(faults) => faults.into(),
            CatalogRejection::CatalogFull => Self::new(Code::CatalogFull),
            CatalogRejection::OrderIncomplete => {
                let range = Range::Relation(Relation::EachServiceOnce);
                FieldFault::new("order", Code::OrderIncomplete).with_range(range).into()
            }
            CatalogRejection::LimitMissing => Self::missing_fields(vec!["dailyLimit"]),
        }
    }
}

impl From<HoursRejection> for Problem {
    fn from(rejection: HoursRejection) -> Self {
        match rejection {
            HoursRejection::HoursOverlap { first, second } => {
                let slots = [first.to_string(), second.to_string()];
                Self::with(Code::HoursOverlap, Details::Overlap { field: "slots", slots })
            }
            HoursRejection::SlotIdTaken { id, day_of_week } => {
                Self::with(Code::SlotIdTaken, Details::SlotId { field: "slots", id, day_of_week })
            }
            HoursRejection::OutOfRange(faults) => faults.into(),
        }
    }
}

impl From<RoutingRejection> for Problem {
    fn from(rejection: RoutingRejection) -> Self {
        match rejection {
            RoutingRejection::OutOfRange { field, range } => Self::out_of_range(field, range),
            RoutingRejection::ReasonMissing => Self::reason_required(value::ROUTING_REASON),
            RoutingRejection::ForcedListFull => Self::new(Code::ForcedListFull),
            RoutingRejection::LegacyRetired => Self::new(Code::ViewRetired),
            RoutingRejection::StageOutOfOrder { at, wanted } => {
                Self::with(Code::StageOutOfOrder, Details::Order { at, wanted })
            }
            RoutingRejection::GateNotMet { stage, gate } => {
                let details = Details::Gates { stage, gates: vec![gate], found: vec![] };
                Self::with(Code::GatesNotMet, details)
            }
            RoutingRejection::OnlyLegacyRetires
            | RoutingRejection::ReadsAreRolledBack
            | RoutingRejection::ShareIsNotAll(_)
            | RoutingRejection::SubjectsOnLegacy(_) => Self::retirement_refused(&rejection),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Rejected(rejection) => rejection.into(),
            CommandError::Catalog(rejection) => rejection.into(),
            CommandError::Hours(rejection) => rejection.into(),
            CommandError::Routing(rejection) => rejection.into(),
            CommandError::Access(AccessRejection(faults)) => faults.into(),
            CommandError::Contended => Self::caused(Code::Busy, error).retry_after(BUSY_PAUSE),
            CommandError::Unavailable(_) => {
                Self::caused(Code::Unavailable, error).retry_after(UNAVAILABLE_PAUSE)
            }
            CommandError::Unanswered(_) => {
                Self::caused(Code::OutcomeUnknown, error).retry_after(UNAVAILABLE_PAUSE)
            }
            CommandError::Vault(ref cause) if cause.is_transient() => {
                Self::caused(Code::Unavailable, error).retry_after(UNAVAILABLE_PAUSE)
            }
            CommandError::Codec { position, .. } => {
                let details = Details::Event { position: position.to_string() };
                Self { details, ..Self::caused(Code::UnreadableEvent, error) }
            }
            CommandError::TooLarge(_) | CommandError::Vault(_) | CommandError::Log(_) => {
                Self::caused(Code::Internal, error)
            }
        }
    }
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        let (code, pause) = match &error {
            ViewError::TimedOut { .. } => (Code::ViewBehind, Some(BUSY_PAUSE)),
            ViewError::RebuildUnderWay => (Code::Busy, Some(UNAVAILABLE_PAUSE)),
            ViewError::Database(_)
            | ViewError::Unanswered { .. }
            | ViewError::Log(_)
            | ViewError::NotLive { .. }
            | ViewError::NotWritable { .. }
            | ViewError::Retired { .. } => (Code::Unavailable, Some(UNAVAILABLE_PAUSE)),
            ViewError::Vault(_)
            | ViewError::Event { .. }
            | ViewError::Control { .. }
            | ViewError::Row { .. }
            | ViewError::Overtaken { .. }
            | ViewError::Deposed { .. }
            | ViewError::NotKept { .. }
            | ViewError::NoRows { .. }
            | ViewError::NoSuchReservation { .. }
            | ViewError::NotComparable { .. }
            | ViewError::OtherRules { .. }
            | ViewError::Apart { .. }
            | ViewError::NameTaken { .. }
            | ViewError::NotToBeDropped { .. }
            | ViewError::Parked { .. }
            | ViewError::TooManyParked { .. }
            | ViewError::OlderThanDiscard(_)
            | ViewError::NotParked(_)
            | ViewError::NotBlocked(_)
            | ViewError::AlreadyApplied { .. }
            | ViewError::Differs(_)
            | ViewError::Panicked
            | ViewError::Plan => (Code::Internal, None),
        };
        let problem = Self::caused(code, error);
        match pause {
            Some(pause) => problem.retry_after(pause),
            None => problem,
        }
    }
}
