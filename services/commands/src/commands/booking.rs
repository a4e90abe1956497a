//! Booking, and changing a booking.

use chrono::NaiveDate;
use daybook_domain::phone::Phone;
use daybook_domain::schedule::{
    Booking, Change, Rejection, RequestReservation, ReviewedTime, ScheduleCommand, StatusChange,
};
use daybook_domain::{ClockTime, ReadModel, ReservationId, Sealed, ServiceId, SubjectId};
use daybook_event_log::{NewKey, Position};
use daybook_vault::PatientDetails;
use uuid::Uuid;

use super::Commands;
use crate::error::CommandError;
use crate::ids::{IdempotencyKey, named_reservation, reservation_from};
use crate::origin::Origin;
use crate::pages::{CommandBatch, Outcome};
use crate::time_input::WishInput;

/// A booking to be.
#[derive(Debug, Clone)]
pub struct NewReservation {
    /// What the client calls its request by.
    pub key: Option<IdempotencyKey>,
    /// The patient's details. Where the wish is not understood, its raw text is filled in here.
    pub details: PatientDetails,
    /// Whose booking it is.
    pub phone: Phone,
    /// What is to be done.
    pub service: ServiceId,
    /// On which day.
    pub date: NaiveDate,
    /// At what time.
    pub wish: WishInput,
    /// The rule set that judges it: that of the read model the client is routed to.
    pub judge: ReadModel,
}

/// A change to a booking, with free text not yet sealed.
#[derive(Clone, PartialEq, Eq)]
pub enum ReservationChange {
    /// Expect the patient.
    Confirm,
    /// Decline.
    Reject {
        /// Why.
        reason: Option<String>,
    },
    /// Call it off.
    Cancel {
        /// Why.
        reason: Option<String>,
    },
    /// The treatment took place.
    Complete,
    /// The patient did not come.
    MarkNoShow,
    /// The patient had come after all.
    CorrectNoShow {
        /// Why.
        reason: String,
    },
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
    WriteAdminNote(String),
}

impl ReservationChange {
    /// A name for logs and metrics, without what anybody wrote.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reject { .. } => "reject",
            Self::Cancel { .. } => "cancel",
            Self::Complete => "complete",
            Self::MarkNoShow => "mark_no_show",
            Self::CorrectNoShow { .. } => "correct_no_show",
            Self::Reschedule { .. } => "reschedule",
            Self::AssignTime { .. } => "assign_time",
            Self::ReadWish(_) => "read_wish",
            Self::WriteAdminNote(_) => "write_admin_note",
        }
    }

    fn free_text(&self) -> Option<&str> {
        match self {
            Self::Reject { reason } | Self::Cancel { reason } => reason.as_deref(),
            Self::CorrectNoShow { reason } => Some(reason),
            Self::WriteAdminNote(note) => Some(note),
            Self::Confirm
            | Self::Complete
            | Self::MarkNoShow
            | Self::Reschedule { .. }
            | Self::AssignTime { .. }
            | Self::ReadWish(_) => None,
        }
    }
}

impl std::fmt::Debug for ReservationChange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A booking after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingOutcome {
    /// Its id.
    pub reservation: ReservationId,
    /// How it stands.
    pub booking: Booking,
    /// Position that a view has to have passed to show it.
    pub position: Position,
    /// Whether nothing was recorded, because the command's effect was there before.
    pub repeated: bool,
    /// The code with which the rule set that does not judge would have refused a new booking.
    pub other_verdict: Option<Box<str>>,
}

impl Commands {
    /// Books. A request that comes again under its key finds the booking that it made the first time.
    pub async fn request(
        &self,
        wanted: NewReservation,
        origin: Origin,
    ) -> Result<BookingOutcome, CommandError> {
        let subject = self.subject(&wanted.phone);
        let reservation = match &wanted.key {
            Some(key) => named_reservation(key, subject, wanted.date),
            None => reservation_from(Uuid::now_v7()),
        };
        let wish = wanted.wish.read();
        let details = PatientDetails { unread_wish: wish.unread.map(Into::into), ..wanted.details };
        let (details, key) = self.seal_details(subject, &reservation, &details).await?;
        let command = ScheduleCommand::Request(RequestReservation {
            details,
            reservation: reservation.clone(),
            subject,
            service: wanted.service,
            wish: wish.plain,
            understood: wish.understood,
            judge: wanted.judge,
        });
        let new_key = key.as_ref().map(|key| key.row().clone());
        let booked = self.settle(wanted.date, reservation, vec![command], new_key, origin).await?;
        if !booked.repeated {
            key.into_iter().for_each(|key| self.vault().adopt(key));
        }
        Ok(booked)
    }

    /// Changes a booking. `expected_version` is the version that the caller saw, where it must not have changed since.
    pub async fn change(
        &self,
        page: NaiveDate,
        reservation: ReservationId,
        expected_version: Option<u32>,
        wanted: ReservationChange,
        origin: Origin,
    ) -> Result<BookingOutcome, CommandError> {
        self.change_all(page, reservation, expected_version, vec![wanted], origin).await
    }

    /// Makes several changes to one booking in one append: all of them, or none.
    pub async fn change_all(
        &self,
        page: NaiveDate,
        reservation: ReservationId,
        expected_version: Option<u32>,
        wanted: Vec<ReservationChange>,
        origin: Origin,
    ) -> Result<BookingOutcome, CommandError> {
        let changes = self.seal_changes(page, &reservation, wanted).await?;
        // Later changes start from the version that the first one made.
        let versions = std::iter::once(expected_version).chain(std::iter::repeat(None));
        let commands = changes.into_iter().zip(versions).map(|(change, expected_version)| {
            ScheduleCommand::Change { reservation: reservation.clone(), expected_version, change }
        });
        let commands = commands.collect();
        self.settle(page, reservation, commands, None, origin).await
    }

    async fn settle(
        &self,
        date: NaiveDate,
        reservation: ReservationId,
        commands: Vec<ScheduleCommand>,
        new_key: Option<NewKey>,
        origin: Origin,
    ) -> Result<BookingOutcome, CommandError> {
        let unit = CommandBatch { commands, new_key, about: Some(reservation.clone()), origin };
        let Outcome { position, booking, nothing_new, other_verdict } =
            self.pages().settle(date, unit).await?;
        let booking = booking.ok_or_else(|| Rejection::ReservationNotFound(reservation.clone()))?;
        Ok(BookingOutcome { reservation, booking, position, repeated: nothing_new, other_verdict })
    }

    /// Seals the free text of changes. Whose key that takes is on the page, and never changes.
    async fn seal_changes(
        &self,
        page: NaiveDate,
        reservation: &ReservationId,
        wanted: Vec<ReservationChange>,
    ) -> Result<Vec<Change>, CommandError> {
        let mut changes = Vec::with_capacity(wanted.len());
        let mut subject = None;
        for wanted in wanted {
            let sealed = match wanted.free_text() {
                Some(text) => {
                    let subject = match subject {
                        Some(subject) => subject,
                        None => *subject.insert(self.subject_of(page, reservation).await?),
                    };
                    Some(self.seal_text(subject, reservation, text).await?)
                }
                None => None,
            };
            changes.extend(change(wanted, sealed));
        }
        Ok(changes)
    }

    async fn subject_of(
        &self,
        page: NaiveDate,
        reservation: &ReservationId,
    ) -> Result<SubjectId, CommandError> {
        let id = reservation.clone();
        let found = self.pages().look(page, move |book| book.booking(&id).map(|booking| booking.subject));
        found.await?.ok_or_else(|| Rejection::ReservationNotFound(reservation.clone()).into())
    }
}

/// The change that is asked of the page. None only where a text that must be there was not sealed.
fn change(wanted: ReservationChange, sealed: Option<Sealed>) -> Option<Change> {
    Some(match wanted {
        ReservationChange::Confirm => Change::Status(StatusChange::Confirm),
        ReservationChange::Reject { .. } => Change::Status(StatusChange::Reject { reason: sealed }),
        ReservationChange::Cancel { .. } => Change::Status(StatusChange::Cancel { reason: sealed }),
        ReservationChange::Complete => Change::Status(StatusChange::Complete),
        ReservationChange::MarkNoShow => Change::Status(StatusChange::MarkNoShow),
        ReservationChange::CorrectNoShow { .. } => {
            Change::Status(StatusChange::CorrectNoShow { reason: sealed? })
        }
        ReservationChange::Reschedule { start, judge } => Change::Reschedule { start, judge },
        ReservationChange::AssignTime { start, judge } => Change::AssignTime { start, judge },
        ReservationChange::ReadWish(meant) => Change::ReadWish(meant),
        ReservationChange::WriteAdminNote(_) => Change::WriteAdminNote { note: sealed? },
    })
}
