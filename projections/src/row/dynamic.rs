//! The dynamic service view's row: the service is a row of its own table, the time is a slot.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use daybook_domain::book::Placement;
use daybook_domain::{LegacyService, ReadModel, SubjectId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ReservationRow;
use crate::copy::CopyBuffer;
use crate::effect::{Change, ERASED, Entry, Stamp};
use crate::fact::{Fact, Time};
use crate::fold::Reference;

/// A row of `reservations`. Field names are the table's columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DynamicRow {
    pub(crate) id: String,
    pub(crate) patient_name: String,
    pub(crate) phone: String,
    pub(crate) email: Option<String>,
    pub(crate) birth_date: Option<NaiveDateTime>,
    pub(crate) gender: Option<Cow<'static, str>>,
    pub(crate) treatment_type: Option<Cow<'static, str>>,
    pub(crate) preferred_date: NaiveDate,
    pub(crate) requested_time: Option<String>,
    pub(crate) status: Cow<'static, str>,
    pub(crate) notes: Option<String>,
    pub(crate) admin_notes: Option<String>,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) updated_at: NaiveDateTime,
    pub(crate) status_changed_at: NaiveDateTime,
    pub(crate) status_changed_by: Option<String>,
    pub(crate) service_id: String,
    pub(crate) service_name: String,
    pub(crate) estimated_duration: i32,
    pub(crate) period: Option<Cow<'static, str>>,
    pub(crate) time_slot_start: Option<String>,
    pub(crate) time_slot_end: Option<String>,
    pub(crate) subject: Uuid,
    pub(crate) version: i32,
}

impl DynamicRow {
    fn place(&mut self, placement: &Placement) {
        let span = placement.span(self.estimated_duration.unsigned_abs());
        self.period = placement.period().map(|period| period.as_str().into());
        self.time_slot_start = span.map(|span| span.start.to_string());
        self.time_slot_end = span.map(|span| span.end.to_string());
    }

    fn time(&self) -> Time<'_> {
        let period = self.period.as_deref().and_then(|period| period.parse().ok());
        match (&self.time_slot_start, period) {
            (Some(start), _) => Time::At(start.into()),
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

    fn enter(entry: &Entry) -> Self {
        let details = entry.details.as_ref();
        let unread = match (&entry.placement, details) {
            (Placement::Review(_), None) => Some(ERASED.to_owned()),
            (_, details) => details.and_then(|details| details.unread_wish.clone()),
        };
        let mut row = Self {
            id: entry.reservation.as_str().to_owned(),
            patient_name: details.map_or_else(|| ERASED.to_owned(), |details| details.patient_name.clone()),
            phone: details.map_or_else(|| ERASED.to_owned(), |details| details.phone.clone()),
            email: details.and_then(|details| details.email.clone()),
            birth_date: details.map(|details| details.birth_date.and_time(NaiveTime::MIN)),
            gender: details.map(|details| details.gender.as_str().into()),
            treatment_type: details.map(|details| details.treatment_type.as_str().into()),
            preferred_date: entry.date,
            requested_time: unread.or_else(|| entry.wish.as_deref().map(str::to_owned)),
            status: entry.status.as_str().into(),
            notes: details.and_then(|details| details.notes.clone()),
            admin_notes: details.and_then(|details| details.admin_note.clone()),
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            status_changed_at: entry.status_changed_at,
            status_changed_by: entry.status_changed_by.as_deref().map(str::to_owned),
            service_id: entry.service.id.as_str().to_owned(),
            service_name: entry.service.name.to_string(),
            estimated_duration: (entry.service.duration + entry.service.buffer) as i32,
            period: None,
            time_slot_start: None,
            time_slot_end: None,
            subject: Uuid::from_bytes(*entry.subject.as_bytes()),
            version: 1,
        };
        row.place(&entry.placement);
        row
    }

    fn change(&mut self, change: &Change, stamp: &Stamp) {
        match change {
            Change::Turned(status) => {
                self.status = status.as_str().into();
                self.status_changed_at = stamp.at;
                self.status_changed_by = Some(stamp.actor.to_string());
            }
            Change::Placed(placement) => self.place(placement),
            Change::Noted(note) => self.admin_notes.clone_from(note),
        }
        self.updated_at = stamp.at;
        self.version += 1;
    }

    fn erase(&mut self) {
        self.patient_name = ERASED.to_owned();
        self.phone = ERASED.to_owned();
        self.email = None;
        self.birth_date = None;
        self.gender = None;
        self.treatment_type = None;
        self.notes = None;
        self.admin_notes = None;
        if self.requested_time.as_deref().is_some_and(|text| matches!(Time::of_text(text), Time::Review(_))) {
            self.requested_time = Some(ERASED.to_owned());
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

    fn fact<'a>(&'a self, reference: &'a Reference) -> Fact<'a> {
        Fact {
            id: &self.id,
            date: self.preferred_date,
            service: reference
                .legacy_value(&self.service_id)
                .unwrap_or(LegacyService::OtherConsultation)
                .as_str(),
            minutes: self.estimated_duration,
            time: self.time(),
            status: &self.status,
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
            gender: self.gender.as_deref(),
            treatment_type: self.treatment_type.as_deref(),
            notes: self.notes.as_deref(),
            admin_notes: self.admin_notes.as_deref(),
        }
    }

    fn copy(&self, buffer: &mut CopyBuffer) {
        buffer
            .row()
            .text(Some(&self.id))
            .text(Some(&self.patient_name))
            .text(Some(&self.phone))
            .text(self.email.as_deref())
            .timestamp(self.birth_date)
            .text(self.gender.as_deref())
            .text(self.treatment_type.as_deref())
            .date(self.preferred_date)
            .text(self.requested_time.as_deref())
            .text(Some(&self.status))
            .text(self.notes.as_deref())
            .text(self.admin_notes.as_deref())
            .timestamp(Some(self.created_at))
            .timestamp(Some(self.updated_at))
            .timestamp(Some(self.status_changed_at))
            .text(self.status_changed_by.as_deref())
            .text(Some(&self.service_id))
            .text(Some(&self.service_name))
            .integer(self.estimated_duration)
            .text(self.period.as_deref())
            .text(self.time_slot_start.as_deref())
            .text(self.time_slot_end.as_deref())
            .uuid(self.subject)
            .integer(self.version);
    }
}
