//! What may be asked of a page.

use super::event::ReservationImported;
use crate::id::{ClosureId, ReservationId, ServiceId, SubjectId};
use crate::requested_time::ParsedTime;
use crate::sealed::Sealed;
use crate::time::{ClockTime, Period, Span};
use crate::vocabulary::{ReadModel, Status};

/// What may be asked of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleCommand {
    /// Book.
    Request(RequestReservation),
    /// Take over a booking of the old system. Imported history is fact: it is never refused for capacity.
    Import(ReservationImported),
    /// Take over a booking again, as it stands in the old system now. No more than the first time is it refused for capacity.
    Reimport {
        /// How it stands.
        row: ReservationImported,
        /// The version that the row was compared with: it must not have changed since.
        expected_version: u32,
    },
    /// Change a booking.
    Change {
        /// Which one.
        reservation: ReservationId,
        /// The version that the caller saw, where it must not have changed since.
        expected_version: Option<u32>,
        /// How.
        change: Change,
    },
    /// Close a stretch of the day.
    CloseTime(CloseTime),
    /// Lift a closure.
    ReopenTime(ClosureId),
}

/// A booking to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestReservation {
    /// Its id for ever; made from the idempotency key, so that a repeated request finds its own booking.
    pub reservation: ReservationId,
    /// Whose it is.
    pub subject: SubjectId,
    /// The patient's details, and the raw wish where it was not understood.
    pub details: Sealed,
    /// What is to be done.
    pub service: ServiceId,
    /// The raw wish where it was understood.
    pub wish: Option<Box<str>>,
    /// What the wish was understood as.
    pub understood: ParsedTime,
    /// The rule set that judges it: that of the read model the client is routed to.
    pub judge: ReadModel,
}

/// A change to a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Another status.
    Status(StatusChange),
    /// Another time of the same day.
    Reschedule {
        /// When.
        start: ClockTime,
        /// The rule set that judges it.
        judge: ReadModel,
    },
    /// A time for a booking that has none.
    AssignTime {
        /// When.
        start: ClockTime,
        /// The rule set that judges it.
        judge: ReadModel,
    },
    /// What somebody read in a wish that was not understood.
    ReadWish(ReviewedTime),
    /// The staff's note, in place of an earlier one.
    WriteAdminNote {
        /// The note.
        note: Sealed,
    },
}

/// What a person takes a wish for that was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReviewedTime {
    /// A time of day.
    At(ClockTime),
    /// A half of the day, and no more.
    Period(Period),
}

/// A change of status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusChange {
    /// Expect the patient.
    Confirm,
    /// Decline.
    Reject {
        /// Why.
        reason: Option<Sealed>,
    },
    /// Call it off.
    Cancel {
        /// Why.
        reason: Option<Sealed>,
    },
    /// The treatment took place.
    Complete,
    /// The patient did not come.
    MarkNoShow,
    /// The patient had come after all.
    CorrectNoShow {
        /// Why.
        reason: Sealed,
    },
}

impl StatusChange {
    /// The status it leads to.
    pub const fn target(&self) -> Status {
        match self {
            Self::Confirm | Self::CorrectNoShow { .. } => Status::Confirmed,
            Self::Reject { .. } => Status::Rejected,
            Self::Cancel { .. } => Status::Cancelled,
            Self::Complete => Status::Completed,
            Self::MarkNoShow => Status::NoShow,
        }
    }
}

/// A closure to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseTime {
    /// Its id for ever.
    pub closure: ClosureId,
    /// From when until when.
    pub span: Span,
    /// For which service; none means all.
    pub service: Option<ServiceId>,
    /// Why, as booking clients are told.
    pub reason: Option<Box<str>>,
}
