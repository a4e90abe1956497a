//! The events of a day schedule. Names and fields are storage format: fields may be added, but never changed.
//!
//! Each event contains everything that a view needs. The actor and the time are in the metadata.

#![expect(missing_docs, reason = "fields have the names of the storage format, which need no explanation")]

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::slot_assignment::SlotAssignment;
use crate::catalog::Service;
use crate::id::{
    ClosureId, NetworkFingerprint, PatientFingerprint, RequestFingerprint, ReservationId, ServiceId,
    SubjectId,
};
use crate::sealed::Sealed;
use crate::time::{Minutes, Span};
use crate::vocabulary::{LegacyService, RuleSet, Status};

/// An event of a day schedule.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleEvent {
    ReservationRequested(ReservationRequested),
    /// A booking of the old system was imported.
    ReservationImported(ReservationImported),
    /// An imported booking changed in the old system and was imported again.
    ReservationReimported(ReservationImported),
    /// An imported booking leaves this day, because the old system moved it to another one.
    ReservationMovedOut(ReservationMoved),
    /// An imported booking comes to this day from another one.
    ReservationMovedIn(ReservationMoved),
    ReservationConfirmed(ReservationConfirmed),
    ReservationRejected(ReservationRejected),
    ReservationCancelled(ReservationCancelled),
    ReservationCompleted(ReservationCompleted),
    ReservationNoShowMarked(ReservationNoShowMarked),
    ReservationNoShowCorrected(ReservationNoShowCorrected),
    ReservationCompletionCorrected(ReservationCompletionCorrected),
    ReservationRescheduled(ReservationRescheduled),
    ReservationTimeAssigned(ReservationTimeAssigned),
    AdminNoteWritten(AdminNoteWritten),
    TimeClosed(TimeClosed),
    TimeReopened(TimeReopened),
}

/// What an event does to a booking or a closure, whichever command caused it. Folds match on this, so that a new event
/// with a known effect does not change them.
#[derive(Debug, Clone, Copy)]
pub enum ScheduleEffect<'e> {
    Requested(&'e ReservationRequested),
    Imported(&'e ReservationImported),
    Reimported(&'e ReservationImported),
    MovedOut(&'e ReservationMoved),
    MovedIn(&'e ReservationMoved),
    StatusChanged(&'e ReservationId, Status),
    Rescheduled(&'e ReservationId, SlotAssignment),
    NoteWritten(&'e AdminNoteWritten),
    Closed(&'e TimeClosed),
    Reopened(&'e ClosureId),
}

impl ScheduleEvent {
    /// What this event does.
    pub const fn effect(&self) -> ScheduleEffect<'_> {
        use ScheduleEffect::{Rescheduled, StatusChanged};
        match self {
            Self::ReservationRequested(e) => ScheduleEffect::Requested(e),
            Self::ReservationImported(e) => ScheduleEffect::Imported(e),
            Self::ReservationReimported(e) => ScheduleEffect::Reimported(e),
            Self::ReservationMovedOut(e) => ScheduleEffect::MovedOut(e),
            Self::ReservationMovedIn(e) => ScheduleEffect::MovedIn(e),
            Self::ReservationConfirmed(e) => StatusChanged(&e.reservation, Status::Confirmed),
            Self::ReservationRejected(e) => StatusChanged(&e.reservation, Status::Rejected),
            Self::ReservationCancelled(e) => StatusChanged(&e.reservation, Status::Cancelled),
            Self::ReservationCompleted(e) => StatusChanged(&e.reservation, Status::Completed),
            Self::ReservationNoShowMarked(e) => StatusChanged(&e.reservation, Status::NoShow),
            Self::ReservationNoShowCorrected(e) => StatusChanged(&e.reservation, Status::Confirmed),
            Self::ReservationCompletionCorrected(e) => StatusChanged(&e.reservation, Status::Confirmed),
            Self::ReservationRescheduled(e) => Rescheduled(&e.reservation, e.placement),
            Self::ReservationTimeAssigned(e) => Rescheduled(&e.reservation, e.placement),
            Self::AdminNoteWritten(e) => ScheduleEffect::NoteWritten(e),
            Self::TimeClosed(e) => ScheduleEffect::Closed(e),
            Self::TimeReopened(e) => ScheduleEffect::Reopened(&e.closure),
        }
    }

    /// The reservation it belongs to, or else the closure.
    pub const fn target(&self) -> Result<&ReservationId, &ClosureId> {
        match self.effect() {
            ScheduleEffect::Requested(e) => Ok(&e.reservation),
            ScheduleEffect::Imported(e) | ScheduleEffect::Reimported(e) => Ok(&e.reservation),
            ScheduleEffect::MovedOut(e) | ScheduleEffect::MovedIn(e) => Ok(&e.row.reservation),
            ScheduleEffect::StatusChanged(id, _) | ScheduleEffect::Rescheduled(id, _) => Ok(id),
            ScheduleEffect::NoteWritten(e) => Ok(&e.reservation),
            ScheduleEffect::Closed(e) => Err(&e.closure),
            ScheduleEffect::Reopened(closure) => Err(closure),
        }
    }

    /// The reason of a change of status, if one was given.
    pub const fn reason(&self) -> Option<&Sealed> {
        match self {
            Self::ReservationRejected(e) => e.reason.as_ref(),
            Self::ReservationCancelled(e) => e.reason.as_ref(),
            Self::ReservationNoShowCorrected(e) => Some(&e.reason),
            Self::ReservationCompletionCorrected(e) => Some(&e.reason),
            Self::ReservationMovedOut(_)
            | Self::ReservationMovedIn(_)
            | Self::ReservationRequested(_)
            | Self::ReservationImported(_)
            | Self::ReservationReimported(_)
            | Self::ReservationConfirmed(_)
            | Self::ReservationCompleted(_)
            | Self::ReservationNoShowMarked(_)
            | Self::ReservationRescheduled(_)
            | Self::ReservationTimeAssigned(_)
            | Self::AdminNoteWritten(_)
            | Self::TimeClosed(_)
            | Self::TimeReopened(_) => None,
        }
    }

    /// The reservation it belongs to; `None` for closures.
    pub const fn reservation(&self) -> Option<&ReservationId> {
        match self.target() {
            Ok(reservation) => Some(reservation),
            Err(_) => None,
        }
    }
}

/// The service as it was at the time of the booking.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceSnapshot {
    pub id: ServiceId,
    pub code: Box<str>,
    /// Its value in the old enum, if it has one.
    pub legacy: Option<LegacyService>,
    pub name: Box<str>,
    pub duration: Minutes,
    /// Time after the treatment before the next one.
    pub buffer: Minutes,
}

impl ServiceSnapshot {
    /// Treatment plus buffer.
    pub const fn total_minutes(&self) -> Minutes {
        self.duration.saturating_add(self.buffer)
    }
}

impl From<&Service> for ServiceSnapshot {
    fn from(service: &Service) -> Self {
        Self {
            id: service.id.clone(),
            code: service.code.clone(),
            legacy: service.legacy,
            name: service.name.clone(),
            duration: service.duration,
            buffer: service.buffer,
        }
    }
}

/// A patient requested a booking. Its status is `PENDING`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRequested {
    pub reservation: ReservationId,
    pub subject: SubjectId,
    /// The patient's details, with the text of the requested time if it could not be parsed.
    pub details: Sealed,
    pub service: ServiceSnapshot,
    pub date: NaiveDate,
    /// The text of the requested time, only if it could be parsed: such a text contains a time and nothing else.
    pub wish: Option<Box<str>>,
    pub placement: SlotAssignment,
    /// The rule set that decided.
    pub judged_by: RuleSet,
    /// The rejection code of the other rule set, if it would have rejected the booking.
    pub other_verdict: Option<Box<str>>,
    /// The request that it answers. `None` in events that older releases wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<RequestFingerprint>,
    /// `None` in events that older releases wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientFingerprint>,
    /// Present if nobody from the clinic sent the request. `None` in events that older releases wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stranger: Option<Stranger>,
}

/// The sender of a request without a token of the clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// `None` if the address may stand for many clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkFingerprint>,
}

/// A booking of the old system at the time of the import. A repeated import keeps a slot that was decided in Daybook
/// unless the requested time changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationImported {
    /// The id in the old system.
    pub reservation: ReservationId,
    pub subject: SubjectId,
    /// The patient's details and notes, with the text of the requested time if it could not be parsed.
    pub details: Sealed,
    pub service: ServiceSnapshot,
    pub date: NaiveDate,
    /// The text of the requested time, only if it could be parsed.
    pub wish: Option<Box<str>>,
    pub placement: SlotAssignment,
    /// Whether the slot was decided in Daybook and not parsed from the text. `None` for a first import, and in events that
    /// older releases wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_placed_here: Option<bool>,
    pub status: Status,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub status_changed_at: DateTime<Utc>,
    pub status_changed_by: Option<Box<str>>,
    /// `None` if the patient was forgotten, and in events that older releases wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientFingerprint>,
}

/// A booking of the old system that was moved to another day there. The stream of the day that it leaves and that of the
/// day that it comes to hold the same contents, so that a move that stopped between the two can be completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationMoved {
    /// The booking on its new day.
    #[serde(flatten)]
    pub row: ReservationImported,
    /// The day that it leaves.
    pub moved_from: NaiveDate,
    /// Its version on the new day. It goes on from the version on the old day, so no two states of a booking share one.
    pub version: u32,
}

/// The clinic accepted the booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationConfirmed {
    pub reservation: ReservationId,
}

/// The clinic declined the booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRejected {
    pub reservation: ReservationId,
    pub reason: Option<Sealed>,
}

/// The booking was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationCancelled {
    pub reservation: ReservationId,
    pub reason: Option<Sealed>,
}

/// The treatment took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationCompleted {
    pub reservation: ReservationId,
}

/// The patient did not appear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationNoShowMarked {
    pub reservation: ReservationId,
}

/// A no-show was undone; the booking is confirmed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationNoShowCorrected {
    pub reservation: ReservationId,
    pub reason: Sealed,
}

/// A completion that was recorded by mistake was undone; the booking is confirmed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationCompletionCorrected {
    pub reservation: ReservationId,
    pub reason: Sealed,
}

/// The booking moved to another time of the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRescheduled {
    pub reservation: ReservationId,
    pub placement: SlotAssignment,
}

/// A booking without a time got a slot, after a review or within its half-day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationTimeAssigned {
    pub reservation: ReservationId,
    pub placement: SlotAssignment,
}

/// Staff replaced their note on a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminNoteWritten {
    pub reservation: ReservationId,
    pub note: Sealed,
}

/// A span of time was closed to new bookings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeClosed {
    pub closure: ClosureId,
    pub date: NaiveDate,
    #[serde(flatten)]
    pub span: Span,
    /// `None` for all services.
    pub service: Option<ServiceId>,
    /// Booking clients see it.
    pub reason: Option<Box<str>>,
    /// The request that it answers. `None` if it had no key, and in events that older releases wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<RequestFingerprint>,
}

/// A closure was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeReopened {
    pub closure: ClosureId,
}
