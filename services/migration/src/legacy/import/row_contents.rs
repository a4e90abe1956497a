//! What a row says, in the one form in which a row of the source and a row of the log can be compared, column by column.
//!
//! Of a patient who was forgotten neither says anything: the columns that could tell who it was are left out on both sides.

use chrono::{DateTime, NaiveDate, Utc};
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::{LegacyService, Status};
use daybook_vault::PatientDetails;
use sha2::{Digest as _, Sha256};

use super::row::LegacyRow;

/// Columns in which the old system only notes that and when something else was changed.
pub(super) const BOOKKEEPING: [&str; 3] = ["updatedAt", "statusChangedAt", "statusChangedBy"];

/// What a row says.
#[derive(Clone)]
pub(super) struct RowContents {
    pub(super) date: NaiveDate,
    status: Status,
    service: Option<LegacyService>,
    created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    status_changed_at: DateTime<Utc>,
    status_changed_by: Option<Box<str>>,
    /// None once the patient was forgotten.
    pub(super) person: Option<Person>,
}

/// What tells who the patient is, and the raw wish, which may.
#[derive(Clone)]
pub(super) struct Person {
    wish: String,
    /// Without the wish.
    pub(super) details: PatientDetails,
}

/// A hash of what a row says. It never leaves memory: the log holds nothing by which a guess at a patient could be checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowHash([u8; 16]);

impl RowContents {
    /// What a row of the source says.
    pub(super) fn by_source(row: &LegacyRow) -> Self {
        Self {
            date: row.preferred_date,
            status: row.status,
            service: Some(row.service),
            created_at: row.created_at,
            updated_at: row.updated_at,
            status_changed_at: row.status_changed_at,
            status_changed_by: row.status_changed_by.as_deref().map(Into::into),
            person: Some(Person { wish: row.preferred_time.clone(), details: row.details(None) }),
        }
    }

    /// What an event says that took a row over. The details are none once they are erased.
    pub(super) fn by_log(event: &ReservationImported, details: Option<PatientDetails>) -> Self {
        let person = details.map(|mut details| {
            let unread = details.unread_wish.take().map(String::from);
            Person { wish: event.wish.as_deref().map(str::to_owned).or(unread).unwrap_or_default(), details }
        });
        Self {
            date: event.date,
            status: event.status,
            service: event.service.legacy,
            created_at: event.created_at,
            updated_at: event.updated_at,
            status_changed_at: event.status_changed_at,
            status_changed_by: event.status_changed_by.clone(),
            person,
        }
    }

    /// The same without what tells who the patient is.
    pub(super) fn without_person(&self) -> Self {
        Self { person: None, ..self.clone() }
    }

    /// The same with another status and another note of the staff.
    pub(super) fn with(&self, status: Status, note: Option<&str>) -> Self {
        let mut with = Self { status, ..self.clone() };
        if let Some(person) = &mut with.person {
            person.details.admin_note = note.map(Into::into);
        }
        with
    }

    /// The columns in which it differs from what another says, as far as both say something.
    pub(super) fn differing(&self, other: &Self) -> Vec<&'static str> {
        if self.person.is_some() != other.person.is_some() {
            return self.without_person().differing(&other.without_person());
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

    /// A hash of all it says.
    pub(super) fn hash(&self) -> RowHash {
        let mut hash = Sha256::new();
        self.visit(|_, value| {
            // A length that no text has stands for null.
            hash.update(value.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            hash.update(value.unwrap_or_default());
        });
        let mut first = [0; 16];
        first.iter_mut().zip(hash.finalize()).for_each(|(byte, of_hash)| *byte = of_hash);
        RowHash(first)
    }

    /// Every column with what it says, always in the same order.
    fn visit(&self, mut visit: impl FnMut(&'static str, Option<&str>)) {
        visit("preferredDate", Some(&self.date.to_string()));
        visit("status", Some(self.status.as_str()));
        visit("service", self.service.map(LegacyService::as_str));
        visit("createdAt", Some(&micros(self.created_at)));
        visit("updatedAt", Some(&micros(self.updated_at)));
        visit("statusChangedAt", Some(&micros(self.status_changed_at)));
        visit("statusChangedBy", self.status_changed_by.as_deref());
        let Some(Person { wish, details }) = &self.person else { return };
        visit("preferredTime", Some(wish));
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

fn micros(at: DateTime<Utc>) -> String {
    at.timestamp_micros().to_string()
}
