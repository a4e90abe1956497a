//! What happened on a page. Names and fields are storage format: they are added to, never changed.
//!
//! Each event carries what a view needs to be built from it alone. Who did it and when is in the metadata.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::slot_assignment::SlotAssignment;
use crate::catalog::Service;
use crate::id::{ClosureId, ReservationId, ServiceId, SubjectId};
use crate::sealed::Sealed;
use crate::time::{Minutes, Span};
use crate::vocabulary::{LegacyService, ReadModel, Status};

/// Everything that can happen on a page.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleEvent {
    /// A patient asked for a booking.
    ReservationRequested(ReservationRequested),
    /// A booking of the old system was taken over as it stood.
    ReservationImported(ReservationImported),
    /// A booking that was taken over has changed in the old system, and is taken over again as it stands there now.
    ReservationReimported(ReservationImported),
    /// The clinic expects the patient.
    ReservationConfirmed(ReservationConfirmed),
    /// The clinic declined.
    ReservationRejected(ReservationRejected),
    /// It was called off.
    ReservationCancelled(ReservationCancelled),
    /// The treatment took place.
    ReservationCompleted(ReservationCompleted),
    /// The patient did not come.
    ReservationNoShowMarked(ReservationNoShowMarked),
    /// The patient had come after all.
    ReservationNoShowCorrected(ReservationNoShowCorrected),
    /// It was moved within the day.
    ReservationRescheduled(ReservationRescheduled),
    /// Somebody read the raw wish and gave it a time.
    ReservationTimeAssigned(ReservationTimeAssigned),
    /// Staff wrote their note on it.
    AdminNoteWritten(AdminNoteWritten),
    /// A stretch of the day was closed.
    TimeClosed(TimeClosed),
    /// A closure was lifted.
    TimeReopened(TimeReopened),
}

impl ScheduleEvent {
    /// The booking that it is about, where it is about one.
    pub const fn reservation(&self) -> Option<&ReservationId> {
        match self {
            Self::ReservationRequested(e) => Some(&e.reservation),
            Self::ReservationImported(e) | Self::ReservationReimported(e) => Some(&e.reservation),
            Self::ReservationConfirmed(e) => Some(&e.reservation),
            Self::ReservationRejected(e) => Some(&e.reservation),
            Self::ReservationCancelled(e) => Some(&e.reservation),
            Self::ReservationCompleted(e) => Some(&e.reservation),
            Self::ReservationNoShowMarked(e) => Some(&e.reservation),
            Self::ReservationNoShowCorrected(e) => Some(&e.reservation),
            Self::ReservationRescheduled(e) => Some(&e.reservation),
            Self::ReservationTimeAssigned(e) => Some(&e.reservation),
            Self::AdminNoteWritten(e) => Some(&e.reservation),
            Self::TimeClosed(_) | Self::TimeReopened(_) => None,
        }
    }
}

/// A service as it was when the booking was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceSnapshot {
    /// Its id.
    pub id: ServiceId,
    /// Its code.
    pub code: Box<str>,
    /// Its enum value in the old system, if it has one.
    pub legacy: Option<LegacyService>,
    /// Its Korean name.
    pub name: Box<str>,
    /// Length of the treatment in minutes.
    pub duration: Minutes,
    /// Time to clear up in minutes.
    pub buffer: Minutes,
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

/// A patient asked for a booking. It starts out `PENDING`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRequested {
    /// Its id for ever.
    pub reservation: ReservationId,
    /// Whose it is.
    pub subject: SubjectId,
    /// The patient's details, and the raw wish where it was not understood.
    pub details: Sealed,
    /// What is to be done.
    pub service: ServiceSnapshot,
    /// On which day.
    pub date: NaiveDate,
    /// The raw wish where it was understood; such a text can name a time and nothing else.
    pub wish: Option<Box<str>>,
    /// What the wish was understood as.
    pub placement: SlotAssignment,
    /// The rule set that judged it.
    pub judged_by: ReadModel,
    /// The code with which the other rule set would have refused it.
    pub other_verdict: Option<Box<str>>,
}

/// A booking of the old system, as it stood when it was taken over; the first time or again. Again, the placement is that
/// which was decided here where the wish is still the one that it was decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationImported {
    /// The old system's id.
    pub reservation: ReservationId,
    /// Whose it is.
    pub subject: SubjectId,
    /// The patient's details and notes, and the raw wish where it was not understood.
    pub details: Sealed,
    /// What is to be done.
    pub service: ServiceSnapshot,
    /// On which day.
    pub date: NaiveDate,
    /// The raw wish where it was understood.
    pub wish: Option<Box<str>>,
    /// What the wish was understood as.
    pub placement: SlotAssignment,
    /// Whether that was decided here, and not read from the wish. None where it was taken over for the first time, and in
    /// what was recorded before there were rules of the clinic's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_placed_here: Option<bool>,
    /// Where it stood.
    pub status: Status,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When its status last changed.
    pub status_changed_at: DateTime<Utc>,
    /// Who last changed its status.
    pub status_changed_by: Option<Box<str>>,
}

/// The clinic expects the patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationConfirmed {
    /// Which booking.
    pub reservation: ReservationId,
}

/// The clinic declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRejected {
    /// Which booking.
    pub reservation: ReservationId,
    /// Why.
    pub reason: Option<Sealed>,
}

/// It was called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationCancelled {
    /// Which booking.
    pub reservation: ReservationId,
    /// Why.
    pub reason: Option<Sealed>,
}

/// The treatment took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationCompleted {
    /// Which booking.
    pub reservation: ReservationId,
}

/// The patient did not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationNoShowMarked {
    /// Which booking.
    pub reservation: ReservationId,
}

/// The patient had come after all: the booking is confirmed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationNoShowCorrected {
    /// Which booking.
    pub reservation: ReservationId,
    /// Why.
    pub reason: Sealed,
}

/// It was moved within the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRescheduled {
    /// Which booking.
    pub reservation: ReservationId,
    /// Where it stands from here on.
    pub placement: SlotAssignment,
}

/// Somebody read the raw wish, or chose within the period, and gave the booking a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationTimeAssigned {
    /// Which booking.
    pub reservation: ReservationId,
    /// Where it stands from here on.
    pub placement: SlotAssignment,
}

/// Staff wrote their note on a booking, in place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminNoteWritten {
    /// Which booking.
    pub reservation: ReservationId,
    /// The note.
    pub note: Sealed,
}

/// A stretch of the day was closed to new bookings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeClosed {
    /// Its id for ever.
    pub closure: ClosureId,
    /// On which day.
    pub date: NaiveDate,
    /// From when until when.
    #[serde(flatten)]
    pub span: Span,
    /// For which service; none means all.
    pub service: Option<ServiceId>,
    /// Why, as booking clients are told.
    pub reason: Option<Box<str>>,
}

/// A closure was lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeReopened {
    /// Which closure.
    pub closure: ClosureId,
}
