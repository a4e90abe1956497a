//! Booking, and changing a booking. Free text is sealed here; no plain text gets past this module.

use std::net::IpAddr;

use chrono::NaiveDate;
use daybook_domain::phone::Phone;
use daybook_domain::schedule::event::Stranger;
use daybook_domain::schedule::{self, Booking, DaySchedule, Rejection, RequestReservation, ScheduleCommand};
use daybook_domain::{
    NetworkFingerprint, PatientFingerprint, Period, RequestFingerprint, ReservationId, RuleSet, ServiceId,
    SubjectId,
};
use daybook_event_log::{NewKey, Position};
use daybook_vault::{PatientDetails, sealing_context};
use uuid::Uuid;

use super::Commands;
use super::keyed::KeyedRequest;
use super::values::{check_changes, check_request};
use crate::day_schedules::{BatchOutcome, CommandBatch, Shown};
use crate::error::CommandError;
use crate::ids::{IdempotencyKey, named_reservation, reservation_from};
use crate::origin::Origin;
use crate::requested_time::RequestedTime;
use crate::stranger_bookings::Asked;

/// The kind of a request for a booking, in fingerprints and keys. Storage format.
const BOOKING: &str = "booking";

/// A change to a booking whose free text is not sealed yet.
pub type ReservationChange = schedule::ReservationChange<String>;

/// Who sends a request for a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Somebody from the clinic, for whom no bound applies.
    Clinic,
    /// Anybody else.
    Stranger {
        /// The address of their network; `None` if it may stand for many clients.
        network: Option<IpAddr>,
    },
}

/// A request for a booking.
#[derive(Debug, Clone)]
pub struct NewReservation {
    pub sender: Sender,
    /// The client's name for the request, if it may be repeated.
    pub key: Option<IdempotencyKey>,
    /// The patient's details, without the text of the requested time.
    pub details: PatientDetails,
    /// The patient's phone number, which identifies the patient.
    pub phone: Phone,
    pub service: ServiceId,
    /// The clinic day.
    pub date: NaiveDate,
    /// The requested time as the client sent it.
    pub requested_time: RequestedTime,
    /// The half-day that the client sent beside a clock time.
    pub stated_period: Option<Period>,
    /// A text that the client sent beside a clock time and that nobody can read. It decides nothing, but a repeated request
    /// has it again.
    pub unread_text: Option<String>,
    /// The rule set that decides.
    pub rules: RuleSet,
}

/// A booking after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingOutcome {
    /// The id of the booking.
    pub reservation: ReservationId,
    pub booking: Booking,
    /// A view at this position shows the booking.
    pub position: Position,
    /// Whether there was no event, because the effect existed already.
    pub repeated: bool,
    /// The code with which the other rule set would have rejected a new booking.
    pub other_verdict: Option<Box<str>>,
}

impl Commands {
    /// Books. A repeated request with the same key finds the first booking, and so does a double click without a key.
    pub async fn request(
        &self,
        request: NewReservation,
        origin: Origin,
    ) -> Result<BookingOutcome, CommandError> {
        check_request(&request, self.now_local().date())?;
        let subject = self.subject(&request.phone);
        let reservation = match &request.key {
            Some(key) => named_reservation(key, subject, request.date),
            None => reservation_from(Uuid::now_v7()),
        };
        let fingerprint = self.fingerprint_of(&request, subject);
        let patient = self.patient(subject, request.details.birth_date);
        let (stranger, counted) = match request.sender {
            Sender::Clinic => (None, None),
            Sender::Stranger { network } => {
                let stranger = Stranger { network: network.map(|network| self.network(network)) };
                let (reservation, date, is_keyed) = (&reservation, request.date, request.key.is_some());
                let asked = Asked { reservation, subject, patient, stranger, date, fingerprint, is_keyed };
                let (stranger, counted) = self.strangers().await?.count(&asked, self.now())?;
                (Some(stranger), Some(counted))
            }
        };
        let time = request.requested_time.interpret();
        let details = PatientDetails { unread_wish: time.sealed_text.map(Into::into), ..request.details };
        let (details, key) = self.seal_details(subject, &reservation, &details).await?;
        let command = RequestReservation {
            details,
            reservation,
            subject,
            service: request.service,
            requested_time: time.plain_text,
            parsed_time: time.parsed_time,
            rules: request.rules,
            fingerprint: Some(fingerprint),
            is_keyed: request.key.is_some(),
            stated_period: request.stated_period,
            patient,
            stranger,
        };
        let new_key = key.as_ref().map(|key| key.row().clone());
        let keyed = request.key.map(|key| self.keyed(BOOKING, "", &key, fingerprint));
        let outcome = self.book(request.date, command, keyed, new_key, origin).await;
        if let Some(counted) = counted {
            counted.decided(&outcome);
        }
        let outcome = outcome?;
        if !outcome.repeated {
            key.into_iter().for_each(|key| self.vault().adopt(key));
        }
        Ok(outcome)
    }

    /// The members of a family share a number, so the birth date tells them apart.
    pub fn patient(&self, subject: SubjectId, birth_date: NaiveDate) -> PatientFingerprint {
        let birth_date = birth_date.to_string();
        let parts = [b"patient", &subject.as_bytes()[..], birth_date.as_bytes()];
        PatientFingerprint::from_bytes(self.vault().keyed_hash(&parts))
    }

    fn network(&self, address: IpAddr) -> NetworkFingerprint {
        let address = address.to_string();
        NetworkFingerprint::from_bytes(self.vault().keyed_hash(&[b"network", address.as_bytes()]))
    }

    /// Everything that the patient sees in the form. The rule set is not part of it: it depends on the routing of the day.
    fn fingerprint_of(&self, request: &NewReservation, subject: SubjectId) -> RequestFingerprint {
        let details = request.details.to_text();
        let (date, (form, time)) = (request.date.to_string(), request.requested_time.canonical());
        let texts = [details.as_str(), request.service.as_str(), &date, form, &time];
        let texts = texts.into_iter().chain(request.stated_period.map(Period::as_str));
        let texts = texts.chain(request.unread_text.as_deref());
        let parts: Vec<&[u8]> =
            std::iter::once(&subject.as_bytes()[..]).chain(texts.map(str::as_bytes)).collect();
        self.fingerprint(BOOKING, &parts)
    }

    async fn book(
        &self,
        date: NaiveDate,
        command: RequestReservation,
        keyed: Option<KeyedRequest>,
        new_key: Option<NewKey>,
        origin: Origin,
    ) -> Result<BookingOutcome, CommandError> {
        let batch = |command: &RequestReservation, origin| CommandBatch {
            commands: vec![ScheduleCommand::Request(command.clone())],
            new_key: new_key.clone(),
            shown: Shown::Booking(command.reservation.clone()),
            origin,
        };
        if let Some(keyed) = keyed {
            let outcome = self.execute_keyed(&keyed, date, batch(&command, origin)).await?;
            return booked(command.reservation, outcome);
        }
        match self.day_schedules().execute(date, batch(&command, origin.clone())).await {
            // The double click asks for the first click's booking by its id, and so gets it as it is now.
            Err(CommandError::Rejected(Rejection::AlreadyRequested(pending))) => {
                let again = RequestReservation { reservation: pending.clone(), ..command };
                booked(pending, self.day_schedules().execute(date, batch(&again, origin)).await?)
            }
            outcome => booked(command.reservation, outcome?),
        }
    }

    /// Changes a booking. If `expected_version` is set, the booking must still have it.
    pub async fn change(
        &self,
        date: NaiveDate,
        reservation: ReservationId,
        expected_version: Option<u32>,
        change: ReservationChange,
        origin: Origin,
    ) -> Result<BookingOutcome, CommandError> {
        self.change_all(date, reservation, expected_version, vec![change], origin).await
    }

    /// Makes several changes to one booking in one append: all of them or none. A change to the status that the booking has
    /// already is refused if it gives another reason, because the recorded one stays.
    pub async fn change_all(
        &self,
        date: NaiveDate,
        reservation: ReservationId,
        expected_version: Option<u32>,
        changes: Vec<ReservationChange>,
        origin: Origin,
    ) -> Result<BookingOutcome, CommandError> {
        check_changes(&changes)?;
        let reason = changes.iter().filter(|change| change.target_status().is_some()).find_map(|c| c.text());
        let reason = reason.cloned();
        let again: Vec<_> = changes.iter().cloned().map(ReservationChange::without_reason).collect();
        let change = |changes, origin| self.try_change(date, &reservation, expected_version, changes, origin);
        match (change(changes, origin.clone()).await, reason) {
            (Err(CommandError::Rejected(Rejection::StatusStands { .. })), Some(reason))
                if self.reason(date, &reservation).await?.is_some_and(|recorded| recorded == reason) =>
            {
                change(again, origin).await
            }
            (outcome, _) => outcome,
        }
    }

    /// The recorded reason of the present status of a booking, as in [`Self::reason_of`].
    pub async fn reason(
        &self,
        date: NaiveDate,
        reservation: &ReservationId,
    ) -> Result<Option<String>, CommandError> {
        let id = reservation.clone();
        let read = move |schedule: &DaySchedule| schedule.booking(&id).cloned();
        match self.day_schedules().read(date, read).await? {
            Some(booking) => self.reason_of(reservation, &booking).await,
            None => Ok(None),
        }
    }

    /// The recorded reason of a booking's status, if there is one that can still be read.
    pub async fn reason_of(
        &self,
        reservation: &ReservationId,
        booking: &Booking,
    ) -> Result<Option<String>, CommandError> {
        match &booking.status_reason {
            Some(sealed) => Ok(self.vault().open(sealed, sealing_context(reservation)).await?.text()),
            None => Ok(None),
        }
    }

    async fn try_change(
        &self,
        date: NaiveDate,
        reservation: &ReservationId,
        expected_version: Option<u32>,
        changes: Vec<ReservationChange>,
        origin: Origin,
    ) -> Result<BookingOutcome, CommandError> {
        let changes = self.seal_changes(date, reservation, changes).await?;
        // The first change raises the version, so only that one can check it.
        let versions = std::iter::once(expected_version).chain(std::iter::repeat(None));
        let commands = changes.into_iter().zip(versions).map(|(change, expected_version)| {
            ScheduleCommand::Change { reservation: reservation.clone(), expected_version, change }
        });
        let commands = commands.collect();
        let batch =
            CommandBatch { commands, new_key: None, shown: Shown::Booking(reservation.clone()), origin };
        let is_empty = batch.commands.is_empty();
        let outcome = booked(reservation.clone(), self.day_schedules().execute(date, batch).await?)?;
        if !outcome.booking.status.is_open()
            && let Some(strangers) = self.0.strangers.get()
        {
            strangers.close(reservation);
        }
        // Without a change there is no command that could have checked the version.
        match expected_version.filter(|expected| is_empty && *expected != outcome.booking.version) {
            Some(expected) => {
                Err(Rejection::VersionMismatch { expected, actual: outcome.booking.version }.into())
            }
            None => Ok(outcome),
        }
    }

    /// Seals the free text of changes with the key of the booking's subject, which never changes.
    async fn seal_changes(
        &self,
        date: NaiveDate,
        reservation: &ReservationId,
        changes: Vec<ReservationChange>,
    ) -> Result<Vec<schedule::ReservationChange>, CommandError> {
        let mut sealed_changes = Vec::with_capacity(changes.len());
        let mut subject = None;
        for change in changes {
            let sealed = match change.text() {
                Some(text) => {
                    let subject = match subject {
                        Some(subject) => subject,
                        None => *subject.insert(self.subject_of(date, reservation).await?),
                    };
                    Some(self.seal_text(subject, reservation, text).await?)
                }
                None => None,
            };
            sealed_changes.extend(change.with_text(sealed));
        }
        Ok(sealed_changes)
    }

    async fn subject_of(
        &self,
        date: NaiveDate,
        reservation: &ReservationId,
    ) -> Result<SubjectId, CommandError> {
        let id = reservation.clone();
        let subject = self
            .day_schedules()
            .read(date, move |schedule| schedule.booking(&id).map(|booking| booking.subject))
            .await?;
        subject.ok_or_else(|| Rejection::ReservationNotFound(reservation.clone()).into())
    }
}

fn booked(reservation: ReservationId, outcome: BatchOutcome) -> Result<BookingOutcome, CommandError> {
    let BatchOutcome { position, booking, repeated, other_verdict, .. } = outcome;
    let booking = booking.ok_or_else(|| Rejection::ReservationNotFound(reservation.clone()))?;
    Ok(BookingOutcome { reservation, booking, position, repeated, other_verdict })
}
