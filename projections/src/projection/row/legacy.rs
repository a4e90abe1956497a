//! The legacy view's row: the service is an enum value, the time is free text.

mod read_as;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::schedule::SlotAssignment;
use daybook_domain::{Gender, LegacyService, ReadModel, Status, SubjectId, TreatmentType};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use uuid::Uuid;

use self::read_as::ReadAs;
use super::{ColumnWriter, ReservationRow};
use crate::projection::canonical::{CanonicalReservation, Time};
use crate::projection::change::{Change, ERASED, ERASED_TEXT, EventMeta, NewReservation};
use crate::projection::reference::Reference;

/// A row of `reservations`. Field names are the table's columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LegacyRow {
    pub(crate) id: SmolStr,
    pub(crate) patient_name: SmolStr,
    pub(crate) phone: SmolStr,
    pub(crate) email: Option<SmolStr>,
    pub(crate) birth_date: Option<NaiveDateTime>,
    pub(crate) gender: Option<Gender>,
    pub(crate) treatment_type: Option<TreatmentType>,
    pub(crate) preferred_date: NaiveDate,
    pub(crate) preferred_time: SmolStr,
    pub(crate) status: Status,
    pub(crate) notes: Option<SmolStr>,
    pub(crate) admin_notes: Option<SmolStr>,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) updated_at: NaiveDateTime,
    pub(crate) service: LegacyService,
    pub(crate) status_changed_at: NaiveDateTime,
    pub(crate) status_changed_by: Option<SmolStr>,
    pub(crate) subject: Uuid,
    pub(crate) version: i32,
    pub(crate) minutes: i32,
    /// What the text was assigned as, if it does not say so itself; see [`ReadAs`]. A row without it is serialised as
    /// before the column existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) read_as: Option<ReadAs>,
}

/// How the enum view shows a service without an enum value.
const NO_ENUM_VALUE: LegacyService = LegacyService::FOR_NEW_SERVICES;

/// The free-text column: the original text, or else a time or half-day, never an invented time. If staff assigned
/// another time, the original text is replaced.
fn preferred_time(contents: &NewReservation) -> SmolStr {
    let unread = contents.details.as_ref().and_then(|details| details.unread_wish.as_deref());
    match contents.requested_time.as_deref().or(unread) {
        Some(typed) if !contents.is_assigned_by_staff || says(typed, &contents.placement) => typed.into(),
        Some(_) | None => placed_text(&contents.placement),
    }
}

/// Whether readers of the free-text column would read a text as this assignment.
fn says(typed: &str, placement: &SlotAssignment) -> bool {
    match (requested_time::parse_stored(typed), placement) {
        (ParsedTime::At(said), SlotAssignment::At { start, .. }) => said == *start,
        (ParsedTime::Period(said), SlotAssignment::Period(period)) => said == *period,
        (ParsedTime::Ambiguous(_), SlotAssignment::Review(_)) => true,
        (ParsedTime::At(_) | ParsedTime::Period(_) | ParsedTime::Ambiguous(_), _) => false,
    }
}

impl LegacyRow {
    fn time(&self) -> Time<'_> {
        match self.read_as {
            None => Time::from_text(&self.preferred_time),
            Some(ReadAs::At(start)) => Time::At(start.to_string().into()),
            Some(ReadAs::Period(period)) => Time::Period(period),
            Some(ReadAs::Review) => Time::Review(&self.preferred_time),
        }
    }
}

impl ReservationRow for LegacyRow {
    const MODEL: ReadModel = ReadModel::Legacy;

    const COLUMNS: &'static [&'static str] = &[
        "id",
        "patientName",
        "phone",
        "email",
        "birthDate",
        "gender",
        "treatmentType",
        "preferredDate",
        "preferredTime",
        "status",
        "notes",
        "adminNotes",
        "createdAt",
        "updatedAt",
        "service",
        "statusChangedAt",
        "statusChangedBy",
        "subject",
        "version",
        "minutes",
        "readAs",
    ];

    fn create(id: SmolStr, contents: &NewReservation) -> Self {
        let details = contents.details.as_ref();
        let preferred_time = preferred_time(contents);
        Self {
            // A clinic-specific rule decided if the text does not say so itself.
            read_as: (!says(&preferred_time, &contents.placement))
                .then(|| ReadAs::from_assignment(&contents.placement)),
            id,
            patient_name: details.map_or(ERASED_TEXT, |details| details.patient_name.clone()),
            phone: details.map_or(ERASED_TEXT, |details| details.phone.clone()),
            email: details.and_then(|details| details.email.clone()),
            birth_date: details.map(|details| details.birth_date.and_time(NaiveTime::MIN)),
            gender: details.map(|details| details.gender),
            treatment_type: details.map(|details| details.treatment_type),
            preferred_date: contents.date,
            preferred_time,
            status: contents.status,
            notes: details.and_then(|details| details.notes.clone()),
            admin_notes: details.and_then(|details| details.admin_note.clone()),
            created_at: contents.created_at,
            updated_at: contents.updated_at,
            service: contents.service.legacy.unwrap_or(NO_ENUM_VALUE),
            status_changed_at: contents.status_changed_at,
            status_changed_by: contents.status_changed_by.clone(),
            subject: Uuid::from_bytes(*contents.subject.as_bytes()),
            version: contents.version as i32,
            minutes: contents.service.total_minutes() as i32,
        }
    }

    fn change(&mut self, change: &Change, meta: &EventMeta) {
        match change {
            Change::StatusChanged(status) => {
                self.status = *status;
                self.status_changed_at = meta.at;
                self.status_changed_by = Some(meta.actor.as_ref().into());
            }
            Change::Rescheduled(placement) => {
                self.preferred_time = placed_text(placement);
                self.read_as = None;
            }
            Change::NoteChanged(note) => self.admin_notes = note.clone(),
            Change::Reimported(contents) => {
                *self = Self { version: self.version + 1, ..Self::create(self.id.clone(), contents) };
                return;
            }
        }
        self.updated_at = meta.at;
        self.version += 1;
    }

    fn erase(&mut self) {
        self.patient_name = ERASED_TEXT;
        self.phone = ERASED_TEXT;
        self.email = None;
        self.birth_date = None;
        self.gender = None;
        self.treatment_type = None;
        self.notes = None;
        self.admin_notes = None;
        // A text that the grammar can read names a time and stays, whatever a clinic-specific rule made of it.
        if matches!(Time::from_text(&self.preferred_time), Time::Review(_)) {
            self.preferred_time = self
                .read_as
                .take()
                .and_then(ReadAs::slot_assignment)
                .map_or_else(|| ERASED.into(), |placed| placed_text(&placed));
        }
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn date(&self) -> NaiveDate {
        self.preferred_date
    }

    fn subject(&self) -> SubjectId {
        SubjectId::from_bytes(*self.subject.as_bytes())
    }

    fn canonical<'a>(&'a self, _reference: &'a Reference) -> CanonicalReservation<'a> {
        CanonicalReservation {
            id: &self.id,
            date: self.preferred_date,
            service: self.service.as_str(),
            minutes: self.minutes,
            time: self.time(),
            status: self.status.as_str(),
            status_changed_at: self.status_changed_at,
            status_changed_by: self.status_changed_by.as_deref(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version,
            subject: self.subject,
            patient_name: &self.patient_name,
            phone: &self.phone,
            email: self.email.as_deref(),
            birth_date: self.birth_date,
            gender: self.gender.map(Gender::as_str),
            treatment_type: self.treatment_type.map(TreatmentType::as_str),
            notes: self.notes.as_deref(),
            admin_notes: self.admin_notes.as_deref(),
        }
    }

    fn write_columns(&self, writer: &mut impl ColumnWriter) {
        writer
            .text(Some(&self.id))
            .text(Some(&self.patient_name))
            .text(Some(&self.phone))
            .text(self.email.as_deref())
            .timestamp(self.birth_date)
            .text(self.gender.map(Gender::as_str))
            .text(self.treatment_type.map(TreatmentType::as_str))
            .date(self.preferred_date)
            .text(Some(&self.preferred_time))
            .text(Some(self.status.as_str()))
            .text(self.notes.as_deref())
            .text(self.admin_notes.as_deref())
            .timestamp(Some(self.created_at))
            .timestamp(Some(self.updated_at))
            .text(Some(self.service.as_str()))
            .timestamp(Some(self.status_changed_at))
            .text(self.status_changed_by.as_deref())
            .uuid(self.subject)
            .integer(self.version)
            .integer(self.minutes)
            .text(self.read_as.map(|read_as| read_as.to_string()).as_deref());
    }
}

fn placed_text(placement: &SlotAssignment) -> SmolStr {
    placement.legacy_text().map_or(ERASED_TEXT, SmolStr::from)
}
