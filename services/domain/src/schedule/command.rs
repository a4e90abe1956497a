//! The commands on a day schedule. They carry sealed texts only, and they decide nothing.

use std::fmt;

use chrono::NaiveDate;

use super::event::{ReservationImported, ReservationMoved};
use super::stranger::StrangerRequest;
use crate::hours::Hours;
use crate::id::{ClosureId, PatientFingerprint, RequestFingerprint, ReservationId, ServiceId, SubjectId};
use crate::requested_time::ParsedTime;
use crate::sealed::Sealed;
use crate::time::{ClockTime, Period, Span};
use crate::vocabulary::{RuleSet, Status};

/// A command on a day schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleCommand {
    Request(RequestReservation),
    /// Import a booking of the old system. Imports are never rejected for capacity, because they are facts already.
    Import(ReservationImported),
    /// Import a booking again after it changed in the old system. Not rejected for capacity either.
    Reimport {
        /// The booking as the old system has it now.
        row: ReservationImported,
        /// The version that the row was compared with. The booking must still have it.
        expected_version: u32,
    },
    /// Take a booking that the old system moved to another day off this day.
    MoveOut {
        /// The booking as the old system has it now, on its new day.
        row: ReservationImported,
        /// The version that the row was compared with. The booking must still have it.
        expected_version: u32,
    },
    /// Put a booking that was taken off another day on this day. Not rejected for capacity, and not because of the number
    /// of entries either: it has no other day any more.
    MoveIn(ReservationMoved),
    Change {
        reservation: ReservationId,
        /// If set, the version that the booking must still have.
        expected_version: Option<u32>,
        change: ReservationChange,
    },
    /// Close a span of time to new bookings.
    CloseTime(CloseTime),
    ReopenTime(ClosureId),
}

/// A request for a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestReservation {
    /// Derived from the idempotency key if there is one, so that a repeated request finds its own booking.
    pub reservation: ReservationId,
    pub subject: SubjectId,
    /// The patient's details, with the text of the requested time if it could not be parsed.
    pub details: Sealed,
    pub service: ServiceId,
    /// The text of the requested time, only if it could be parsed.
    pub requested_time: Option<Box<str>>,
    /// The meaning of that text.
    pub parsed_time: ParsedTime,
    /// The rule set that decides.
    pub rules: RuleSet,
    /// The whole request, so that a repetition is told from another request.
    pub fingerprint: Option<RequestFingerprint>,
    /// Whether an idempotency key names the request. Without one, an equal pending request is taken for a double click.
    pub is_keyed: bool,
    /// The half-day that the request names beside a clock time. It must be that of the clock time.
    pub stated_period: Option<Period>,
    /// Tells the members of a family apart that share a number.
    pub patient: PatientFingerprint,
    /// Present if nobody from the clinic sent the request: only then do bounds on strangers apply.
    pub stranger: Option<StrangerRequest>,
}

/// A change to a booking. Free text is sealed when the domain decides; callers write it as a `String`.
#[derive(Clone, PartialEq, Eq)]
pub enum ReservationChange<Text = Sealed> {
    Confirm,
    Reject {
        /// The reason, if one was given.
        reason: Option<Text>,
    },
    Cancel {
        /// The reason, if one was given.
        reason: Option<Text>,
    },
    /// Record that the treatment took place.
    Complete,
    /// Record that the patient did not appear.
    MarkNoShow,
    CorrectNoShow {
        reason: Text,
    },
    /// Undo a completion that was recorded by mistake.
    CorrectCompletion {
        reason: Text,
    },
    /// Move it to another time of the same day.
    Reschedule {
        /// New start of the treatment.
        start: ClockTime,
        /// The rule set that decides.
        rules: RuleSet,
    },
    /// Give a time to a booking that has none.
    AssignTime {
        start: ClockTime,
        /// The rule set that decides.
        rules: RuleSet,
    },
    /// Set the meaning of a requested time that could not be parsed.
    ReviewTime(ReviewedTime),
    /// Replace the staff's note.
    WriteAdminNote(Text),
}

/// The meaning that a person gives to a requested time that could not be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReviewedTime {
    At(ClockTime),
    /// A half-day.
    Period(Period),
}

impl<Text> ReservationChange<Text> {
    /// A name for logs and metrics, without any free text.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reject { .. } => "reject",
            Self::Cancel { .. } => "cancel",
            Self::Complete => "complete",
            Self::MarkNoShow => "mark_no_show",
            Self::CorrectNoShow { .. } => "correct_no_show",
            Self::CorrectCompletion { .. } => "correct_completion",
            Self::Reschedule { .. } => "reschedule",
            Self::AssignTime { .. } => "assign_time",
            Self::ReviewTime(_) => "review_time",
            Self::WriteAdminNote(_) => "write_admin_note",
        }
    }

    /// The status it leads to, if it changes the status.
    pub const fn target_status(&self) -> Option<Status> {
        match self {
            Self::Confirm | Self::CorrectNoShow { .. } | Self::CorrectCompletion { .. } => {
                Some(Status::Confirmed)
            }
            Self::Reject { .. } => Some(Status::Rejected),
            Self::Cancel { .. } => Some(Status::Cancelled),
            Self::Complete => Some(Status::Completed),
            Self::MarkNoShow => Some(Status::NoShow),
            Self::Reschedule { .. }
            | Self::AssignTime { .. }
            | Self::ReviewTime(_)
            | Self::WriteAdminNote(_) => None,
        }
    }

    /// The status that it undoes, if it is a correction.
    pub const fn corrected_status(&self) -> Option<Status> {
        match self {
            Self::CorrectNoShow { .. } => Some(Status::NoShow),
            Self::CorrectCompletion { .. } => Some(Status::Completed),
            Self::Confirm
            | Self::Reject { .. }
            | Self::Cancel { .. }
            | Self::Complete
            | Self::MarkNoShow
            | Self::Reschedule { .. }
            | Self::AssignTime { .. }
            | Self::ReviewTime(_)
            | Self::WriteAdminNote(_) => None,
        }
    }

    /// The free text, if it has any.
    pub const fn text(&self) -> Option<&Text> {
        match self {
            Self::Reject { reason } | Self::Cancel { reason } => reason.as_ref(),
            Self::CorrectNoShow { reason } | Self::CorrectCompletion { reason } => Some(reason),
            Self::WriteAdminNote(note) => Some(note),
            Self::Confirm
            | Self::Complete
            | Self::MarkNoShow
            | Self::Reschedule { .. }
            | Self::AssignTime { .. }
            | Self::ReviewTime(_) => None,
        }
    }

    /// The same change of status without its reason, for a booking that has the status already.
    pub fn without_reason(self) -> Self {
        match self {
            Self::Reject { .. } => Self::Reject { reason: None },
            Self::Cancel { .. } => Self::Cancel { reason: None },
            Self::CorrectNoShow { .. } | Self::CorrectCompletion { .. } => Self::Confirm,
            Self::Confirm
            | Self::Complete
            | Self::MarkNoShow
            | Self::Reschedule { .. }
            | Self::AssignTime { .. }
            | Self::ReviewTime(_)
            | Self::WriteAdminNote(_) => self,
        }
    }

    /// The same change with another form of its text. `None` if it needs a text and `text` is none.
    pub fn with_text<Other>(self, text: Option<Other>) -> Option<ReservationChange<Other>> {
        Some(match self {
            Self::Confirm => ReservationChange::Confirm,
            Self::Reject { .. } => ReservationChange::Reject { reason: text },
            Self::Cancel { .. } => ReservationChange::Cancel { reason: text },
            Self::Complete => ReservationChange::Complete,
            Self::MarkNoShow => ReservationChange::MarkNoShow,
            Self::CorrectNoShow { .. } => ReservationChange::CorrectNoShow { reason: text? },
            Self::CorrectCompletion { .. } => ReservationChange::CorrectCompletion { reason: text? },
            Self::Reschedule { start, rules } => ReservationChange::Reschedule { start, rules },
            Self::AssignTime { start, rules } => ReservationChange::AssignTime { start, rules },
            Self::ReviewTime(time) => ReservationChange::ReviewTime(time),
            Self::WriteAdminNote(_) => ReservationChange::WriteAdminNote(text?),
        })
    }
}

/// Prints the name only: the text may still be in plain.
impl<Text> fmt::Debug for ReservationChange<Text> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A request to close a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseTime {
    /// Derived from the idempotency key if there is one.
    pub closure: ClosureId,
    /// The time to close.
    pub time: ClosedTime,
    /// The service it applies to; `None` for all.
    pub service: Option<ServiceId>,
    /// A reason that booking clients see.
    pub reason: Option<Box<str>>,
    /// The whole request as it was sent, if it may be repeated.
    pub fingerprint: Option<RequestFingerprint>,
}

/// The time that a request closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedTime {
    Span(Span),
    /// The clinic's hours of a half-day, as they are when the closure is decided.
    Period(Period),
}

impl ClosedTime {
    /// The span on a date; `None` if the clinic has no hours in the half-day.
    pub fn span(self, hours: &Hours, date: NaiveDate) -> Option<Span> {
        let period = match self {
            Self::Span(span) => return Some(span),
            Self::Period(period) => period,
        };
        let spans = || hours.on(date).filter(|slot| slot.period == period).map(|slot| slot.span);
        let start = spans().map(|span| span.start).min()?;
        Some(Span { start, end: spans().map(|span| span.end).max()? })
    }
}
