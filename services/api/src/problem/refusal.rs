//! How the refusals and faults of commands and views become problems.

use std::time::Duration;

use chrono::NaiveDate;
use daybook_commands::CommandError;
use daybook_domain::catalog::CatalogRejection;
use daybook_domain::hours::HoursRejection;
use daybook_domain::routing::RoutingRejection;
use daybook_domain::schedule::Rejection;
use daybook_projections::ViewError;

use super::{Code, DailyMinutes, Details, Problem};

/// When to try again where others were faster.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// When to try again where something underneath is away.
const AWAY_PAUSE: Duration = Duration::from_secs(5);

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::ServiceNotFound | Rejection::ClosureServiceNotFound(_) => {
                Self::of(Code::UnknownService)
            }
            Rejection::ServiceInactive => Self::of(Code::ServiceInactive),
            Rejection::DatePassed => Self::of(Code::DateInPast),
            Rejection::DateTooFarAhead => Self::of(Code::DateTooFar),
            Rejection::TimePassed => Self::of(Code::TimeInPast),
            Rejection::ClinicClosed => Self::of(Code::NoClinicHours),
            Rejection::OutsideHours => Self::of(Code::OutsideClinicHours),
            Rejection::DoesNotFit { .. } => Self::of(Code::TimeSlotTooShort),
            Rejection::TimeClosed { reason } => {
                let closed = Details::Closed { is_manual_closed: true, closure_reason: reason };
                Self::with(Code::TimeSlotManuallyClosed, closed)
            }
            Rejection::SlotTaken { alternatives } => slot_full(alternatives),
            Rejection::PeriodFull { .. } | Rejection::DayFull { .. } => slot_full(vec![]),
            Rejection::DailyCountReached { .. } => Self::of(Code::ReservationFull),
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
            Rejection::PageFull => Self::of(Code::PageFull),
            Rejection::KeyReused => Self::of(Code::IdempotencyKeyReused),
            Rejection::ReservationNotFound(_) => Self::of(Code::ReservationNotFound),
            Rejection::VersionMismatch { expected, actual } => {
                Self::with(Code::VersionMismatch, Details::Version { expected, actual })
            }
            Rejection::TransitionNotAllowed { from, to } => {
                Self::with(Code::InvalidTransition, Details::Transition { from, to })
            }
            Rejection::NotMovable(status) => {
                Self::with(Code::NotMovable, Details::GenerationStatus { status })
            }
            Rejection::WishUnderstood => {
                let rule = "only a wish that was not understood is for a person to read";
                Self::with(Code::InvalidField, Details::Rule { field: "preferredTime", rule })
            }
            Rejection::ClosureNotFound(_) => Self::of(Code::ClosureNotFound),
            Rejection::ClosureEmpty => Self::of(Code::ClosureEmpty),
        }
    }
}

impl Problem {
    /// The legacy view cannot be retired or restored.
    pub(crate) fn retirement_refused(obstacle: &impl ToString) -> Self {
        Self::with(Code::RetirementRefused, Details::Obstacle { obstacle: obstacle.to_string() })
    }

    /// The same, about a day: a refusal knows minutes, and not on which page it was decided.
    pub(crate) fn on(mut self, day: NaiveDate) -> Self {
        if let Details::Minutes { details } = &mut self.details {
            details.date = Some(day);
        }
        self
    }
}

fn slot_full(suggested_times: Vec<daybook_domain::ClockTime>) -> Problem {
    Problem::with(Code::TimeSlotFull, Details::Suggested { suggested_times })
}

impl From<CatalogRejection> for Problem {
    fn from(rejection: CatalogRejection) -> Self {
        match rejection {
            CatalogRejection::CodeTaken(_) => Self::field(Code::ValueTaken, "code"),
            CatalogRejection::LegacyValueTaken(_) => Self::field(Code::ValueTaken, "legacyServiceType"),
            CatalogRejection::IdTaken(_) => Self::field(Code::ValueTaken, "id"),
            CatalogRejection::ServiceNotFound(_) => Self::of(Code::ServiceNotFound),
            CatalogRejection::FieldOutOfRange { field, rule } => {
                Self::with(Code::InvalidField, Details::Rule { field: spelled(field), rule })
            }
            CatalogRejection::OrderIncomplete => Self::of(Code::OrderIncomplete),
        }
    }
}

/// The catalog's name of a field as this API spells it.
fn spelled(field: &'static str) -> &'static str {
    match field {
        "duration_minutes" => "durationMinutes",
        "buffer_minutes" => "bufferMinutes",
        "daily_limit" => "dailyLimit",
        "daily_limit_minutes" => "dailyLimitMinutes",
        other => other,
    }
}

impl From<HoursRejection> for Problem {
    fn from(rejection: HoursRejection) -> Self {
        match rejection {
            HoursRejection::HoursOverlap { first, second } => {
                let slots = [first.to_string(), second.to_string()];
                Self::with(Code::HoursOverlap, Details::Overlap { slots })
            }
            HoursRejection::SlotOutOfRange { rule, .. } => {
                Self::with(Code::InvalidField, Details::Rule { field: "slots", rule })
            }
            HoursRejection::TooManySlots => {
                let rule = "at most 48 stretches a weekday";
                Self::with(Code::InvalidField, Details::Rule { field: "slots", rule })
            }
        }
    }
}

impl From<RoutingRejection> for Problem {
    fn from(rejection: RoutingRejection) -> Self {
        match rejection {
            RoutingRejection::ReasonMissing => Self::of(Code::ReasonRequired),
            RoutingRejection::ForcedListFull => Self::of(Code::ForcedListFull),
            RoutingRejection::LegacyRetired => Self::of(Code::ViewRetired),
            RoutingRejection::StageOutOfOrder { at, wanted } => {
                Self::with(Code::StageOutOfOrder, Details::Order { at, wanted })
            }
            RoutingRejection::GateShut { stage, gate } => {
                let details = Details::Gates { stage, gates: vec![gate], found: vec![] };
                Self::with(Code::GatesShut, details)
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
            CommandError::Contended => Self::caused(Code::Busy, error).retry_after(BUSY_PAUSE),
            CommandError::Unavailable(_) => Self::caused(Code::Unavailable, error).retry_after(AWAY_PAUSE),
            CommandError::Unanswered(_) => Self::caused(Code::OutcomeUnknown, error).retry_after(AWAY_PAUSE),
            CommandError::Vault(ref cause) if cause.is_passing() => {
                Self::caused(Code::Unavailable, error).retry_after(AWAY_PAUSE)
            }
            CommandError::TooLarge(_)
            | CommandError::Vault(_)
            | CommandError::Codec(_)
            | CommandError::Log(_) => Self::caused(Code::Internal, error),
        }
    }
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        let (code, pause) = match &error {
            ViewError::TimedOut { .. } => (Code::ViewBehind, Some(BUSY_PAUSE)),
            ViewError::RebuildUnderWay => (Code::Busy, Some(AWAY_PAUSE)),
            ViewError::Database(_)
            | ViewError::Log(_)
            | ViewError::NotLive { .. }
            | ViewError::Retired { .. } => (Code::Unavailable, Some(AWAY_PAUSE)),
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
            | ViewError::NotHeldUp(_)
            | ViewError::TakenIn { .. }
            | ViewError::Differs(_)
            | ViewError::Plan => (Code::Internal, None),
        };
        let problem = Self::caused(code, error);
        match pause {
            Some(pause) => problem.retry_after(pause),
            None => problem,
        }
    }
}
