//! The contents of a row in a form in which a source row and an imported event can be compared column by column.
//!
//! The contents of a forgotten patient's row exclude the personal columns on both sides.

use chrono::{DateTime, NaiveDate, Utc};
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::{LegacyService, Status};
use daybook_vault::PatientDetails;
use sha2::{Digest as _, Sha256};

use super::row::LegacyRow;

/// Columns in which the old system records that another column changed.
pub(super) const BOOKKEEPING: [&str; 3] = ["updatedAt", "statusChangedAt", "statusChangedBy"];

/// The contents of a row.
#[derive(Clone)]
pub(super) struct RowContents {
    pub(super) date: NaiveDate,
    status: Status,
    service: Option<LegacyService>,
    created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    status_changed_at: DateTime<Utc>,
    status_changed_by: Option<Box<str>>,
    /// `None` once the patient is forgotten.
    pub(super) personal: Option<Personal>,
}

/// The columns that can identify the patient.
#[derive(Clone)]
pub(super) struct Personal {
    requested_time: String,
    /// Without the requested time.
    pub(super) details: PatientDetails,
}

/// A hash of a row's contents. It stays in memory, because a stored hash would let someone verify a guess about a patient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowHash([u8; 16]);

impl RowHash {
    pub(super) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `None` is NULL.
    pub(super) fn from_fields<'f>(fields: impl IntoIterator<Item = Option<&'f [u8]>>) -> Self {
        let mut hasher = RowHasher::default();
        fields.into_iter().for_each(|field| hasher.add(field));
        hasher.finish()
    }
}

/// Makes a [`RowHash`] of one field after another.
#[derive(Default)]
pub(super) struct RowHasher(Sha256);

impl RowHasher {
    /// `None` is NULL.
    pub(super) fn add(&mut self, field: Option<&[u8]>) {
        // NULL has a length that no text has.
        self.0.update(field.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
        self.0.update(field.unwrap_or_default());
    }

    pub(super) fn finish(self) -> RowHash {
        let mut first = [0; 16];
        first.iter_mut().zip(self.0.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        RowHash(first)
    }
}

impl RowContents {
    pub(super) fn from_row(row: &LegacyRow) -> Self {
        Self {
            date: row.preferred_date,
            status: row.status,
            service: Some(row.service),
            created_at: row.created_at,
            updated_at: row.updated_at,
            status_changed_at: row.status_changed_at,
            status_changed_by: row.status_changed_by.as_deref().map(Into::into),
            personal: Some(Personal {
                requested_time: row.preferred_time.clone(),
                details: row.details(None),
            }),
        }
    }

    /// The details are `None` once they are erased.
    pub(super) fn from_event(event: &ReservationImported, details: Option<PatientDetails>) -> Self {
        let personal = details.map(|mut details| {
            let sealed_time = details.unread_wish.take().map(String::from);
            let requested_time = event.wish.clone().map(String::from).or(sealed_time).unwrap_or_default();
            Personal { requested_time, details }
        });
        Self {
            date: event.date,
            status: event.status,
            service: event.service.legacy,
            created_at: event.created_at,
            updated_at: event.updated_at,
            status_changed_at: event.status_changed_at,
            status_changed_by: event.status_changed_by.clone(),
            personal,
        }
    }

    pub(super) fn without_personal(&self) -> Self {
        Self { personal: None, ..self.clone() }
    }

    pub(super) fn with(&self, status: Status, admin_note: Option<&str>) -> Self {
        let mut with = Self { status, ..self.clone() };
        if let Some(personal) = &mut with.personal {
            personal.details.admin_note = admin_note.map(Into::into);
        }
        with
    }

    /// The columns that differ, without the personal ones unless both sides have them.
    pub(super) fn differing(&self, other: &Self) -> Vec<&'static str> {
        let is_comparable = self.personal.is_some() == other.personal.is_some();
        if !is_comparable {
            return self.without_personal().differing(&other.without_personal());
        }
        let mut others = Vec::new();
        other.visit(|_, value| others.push(value.map(str::to_owned)));
        let mut others = others.into_iter();
        let mut differing = Vec::new();
        self.visit(|column, value| {
            if others.next().as_ref().map(Option::as_deref) != Some(value) {
                differing.push(column);
            }
        });
        differing
    }

    pub(super) fn hash(&self) -> RowHash {
        let mut hasher = RowHasher::default();
        self.visit(|_, value| hasher.add(value.map(str::as_bytes)));
        hasher.finish()
    }

    /// Calls `visit` with every column and its value, always in the same order.
    fn visit(&self, mut visit: impl FnMut(&'static str, Option<&str>)) {
        let micros = |at: DateTime<Utc>| at.timestamp_micros().to_string();
        visit("preferredDate", Some(&self.date.to_string()));
        visit("status", Some(self.status.as_str()));
        visit("service", self.service.map(LegacyService::as_str));
        visit("createdAt", Some(&micros(self.created_at)));
        visit("updatedAt", Some(&micros(self.updated_at)));
        visit("statusChangedAt", Some(&micros(self.status_changed_at)));
        visit("statusChangedBy", self.status_changed_by.as_deref());
        let Some(Personal { requested_time, details }) = &self.personal else { return };
        visit("preferredTime", Some(requested_time));
        visit("patientName", Some(&details.patient_name));
        visit("phone", Some(&details.phone));
        visit("email", details.email.as_deref());
        visit("birthDate", Some(&details.birth_date.to_string()));
        visit("gender", Some(details.gender.as_str()));
        visit("treatmentType", Some(details.treatment_type.as_str()));
        visit("notes", details.notes.as_deref());
        visit("adminNotes", details.admin_note.as_deref());
    }
}
