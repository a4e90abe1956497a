//! The dynamic view's row: the service is a row of its own table, the time is a slot.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use daybook_domain::schedule::SlotAssignment;
use daybook_domain::{Gender, LegacyService, Period, ReadModel, Status, SubjectId, TreatmentType};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, ToSmolStr};
use uuid::Uuid;

use super::{ColumnWriter, ReservationRow};
use crate::projection::canonical::{CanonicalReservation, Time};
use crate::projection::change::{Change, ERASED, ERASED_TEXT, EventMeta, NewReservation};
use crate::projection::reference::Reference;

/// A row of `reservations`. Field names are the table's columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DynamicRow {
    pub(crate) id: SmolStr,
    pub(crate) patient_name: SmolStr,
    pub(crate) phone: SmolStr,
    pub(crate) email: Option<SmolStr>,
    pub(crate) birth_date: Option<NaiveDateTime>,
    pub(crate) gender: Option<Gender>,
    pub(crate) treatment_type: Option<TreatmentType>,
    pub(crate) preferred_date: NaiveDate,
    pub(crate) requested_time: Option<SmolStr>,
    pub(crate) status: Status,
    pub(crate) notes: Option<SmolStr>,
    pub(crate) admin_notes: Option<SmolStr>,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) updated_at: NaiveDateTime,
    pub(crate) status_changed_at: NaiveDateTime,
    pub(crate) status_changed_by: Option<SmolStr>,
    pub(crate) service_id: SmolStr,
    pub(crate) service_name: SmolStr,
    pub(crate) estimated_duration: i32,
    pub(crate) period: Option<Period>,
    pub(crate) time_slot_start: Option<SmolStr>,
    pub(crate) time_slot_end: Option<SmolStr>,
    pub(crate) subject: Uuid,
    pub(crate) version: i32,
}

impl DynamicRow {
    fn place(&mut self, placement: &SlotAssignment) {
        let span = placement.span(self.estimated_duration.unsigned_abs());
        self.period = placement.period();
        self.time_slot_start = span.map(|span| span.start.to_smolstr());
        self.time_slot_end = span.map(|span| span.end.to_smolstr());
    }

    fn time(&self) -> Time<'_> {
        match (&self.time_slot_start, self.period) {
            (Some(start), _) => Time::At((**start).into()),
            (None, Some(period)) => Time::Period(period),
            (None, None) => Time::Review(self.requested_time.as_deref().unwrap_or_default()),
        }
    }
}

impl ReservationRow for DynamicRow {
    const MODEL: ReadModel = ReadModel::Dynamic;

    const COLUMNS: &'static [&'static str] = &[
        "id",
        "patientName",
        "phone",
        "email",
        "birthDate",
        "gender",
        "treatmentType",
        "preferredDate",
        "requestedTime",
        "status",
        "notes",
        "adminNotes",
        "createdAt",
        "updatedAt",
        "statusChangedAt",
        "statusChangedBy",
        "serviceId",
        "serviceName",
        "estimatedDuration",
        "period",
        "timeSlotStart",
        "timeSlotEnd",
        "subject",
        "version",
    ];

    fn create(id: SmolStr, contents: &NewReservation) -> Self {
        let details = contents.details.as_ref();
        let unread = match details {
            None => contents.is_requested_time_sealed.then_some(ERASED_TEXT),
            Some(details) => details.unread_wish.clone(),
        };
        let mut row = Self {
            id,
            patient_name: details.map_or(ERASED_TEXT, |details| details.patient_name.clone()),
            phone: details.map_or(ERASED_TEXT, |details| details.phone.clone()),
            email: details.and_then(|details| details.email.clone()),
            birth_date: details.map(|details| details.birth_date.and_time(NaiveTime::MIN)),
            gender: details.map(|details| details.gender),
            treatment_type: details.map(|details| details.treatment_type),
            preferred_date: contents.date,
            requested_time: unread.or(contents.requested_time.clone()),
            status: contents.status,
            notes: details.and_then(|details| details.notes.clone()),
            admin_notes: details.and_then(|details| details.admin_note.clone()),
            created_at: contents.created_at,
            updated_at: contents.updated_at,
            status_changed_at: contents.status_changed_at,
            status_changed_by: contents.status_changed_by.clone(),
            service_id: contents.service.id.as_str().into(),
            service_name: (&*contents.service.name).into(),
            estimated_duration: contents.service.total_minutes() as i32,
            period: None,
            time_slot_start: None,
            time_slot_end: None,
            subject: Uuid::from_bytes(*contents.subject.as_bytes()),
            version: contents.version as i32,
        };
        row.place(&contents.placement);
        row
    }

    fn change(&mut self, change: &Change, meta: &EventMeta) {
        match change {
            Change::StatusChanged(status) => {
                self.status = *status;
                self.status_changed_at = meta.at;
                self.status_changed_by = Some(meta.actor.as_ref().into());
            }
            Change::Rescheduled(placement) => self.place(placement),
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
        if self.requested_time.as_deref().is_some_and(|text| matches!(Time::from_text(text), Time::Review(_)))
        {
            self.requested_time = Some(ERASED.into());
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

    fn canonical<'a>(&'a self, reference: &'a Reference) -> CanonicalReservation<'a> {
        CanonicalReservation {
            id: &self.id,
            date: self.preferred_date,
            service: reference
                .legacy_value(&self.service_id)
                .unwrap_or(LegacyService::FOR_NEW_SERVICES)
                .as_str(),
            minutes: self.estimated_duration,
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
            .text(self.requested_time.as_deref())
            .text(Some(self.status.as_str()))
            .text(self.notes.as_deref())
            .text(self.admin_notes.as_deref())
            .timestamp(Some(self.created_at))
            .timestamp(Some(self.updated_at))
            .timestamp(Some(self.status_changed_at))
            .text(self.status_changed_by.as_deref())
            .text(Some(&self.service_id))
            .text(Some(&self.service_name))
            .integer(self.estimated_duration)
            .text(self.period.map(Period::as_str))
            .text(self.time_slot_start.as_deref())
            .text(self.time_slot_end.as_deref())
            .uuid(self.subject)
            .integer(self.version);
    }
}
