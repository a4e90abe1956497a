//! A reservation's row as a view of cqrs-es, with the columns of Daybook's dynamic view.
//!
//! It must never read a clock: two rebuilds produce the same rows.

use cqrs_es::{EventEnvelope, View};
use serde::{Deserialize, Serialize};

use crate::reservation::{Details, Reservation, ReservationEvent};

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    id: String,
    patient_name: String,
    phone: String,
    email: Option<String>,
    birth_date: Option<String>,
    gender: Option<String>,
    treatment_type: Option<String>,
    preferred_date: String,
    requested_time: Option<String>,
    status: String,
    notes: Option<String>,
    admin_notes: Option<String>,
    created_at: String,
    updated_at: String,
    status_changed_at: String,
    status_changed_by: Option<String>,
    service_id: String,
    service_name: String,
    estimated_duration: i32,
    period: Option<String>,
    time_slot_start: Option<String>,
    time_slot_end: Option<String>,
    subject: String,
    version: i32,
}

impl Row {
    fn new(id: &str, at: &str, entry: Details) -> Self {
        Self {
            id: id.to_owned(),
            patient_name: entry.patient_name,
            phone: entry.phone,
            email: entry.email,
            birth_date: entry.birth_date,
            gender: entry.gender,
            treatment_type: entry.treatment_type,
            preferred_date: entry.preferred_date,
            requested_time: entry.requested_time,
            status: "PENDING".to_owned(),
            notes: entry.notes,
            admin_notes: entry.admin_notes,
            created_at: at.to_owned(),
            updated_at: at.to_owned(),
            status_changed_at: at.to_owned(),
            status_changed_by: None,
            service_id: entry.service_id,
            service_name: entry.service_name,
            estimated_duration: entry.estimated_duration,
            period: entry.period,
            time_slot_start: entry.time_slot_start,
            time_slot_end: entry.time_slot_end,
            subject: entry.subject,
            version: 1,
        }
    }

    fn change_status(&mut self, status: &str, at: &str, actor: &str) {
        self.status = status.to_owned();
        self.status_changed_at = at.to_owned();
        self.status_changed_by = Some(actor.to_owned());
        self.record_change(at);
    }

    fn record_change(&mut self, at: &str) {
        self.updated_at = at.to_owned();
        self.version += 1;
    }
}

impl View<Reservation> for Row {
    fn update(&mut self, event: &EventEnvelope<Reservation>) {
        match &event.payload {
            ReservationEvent::ReservationRequested { at, entry } => {
                *self = Self::new(&event.aggregate_id, at, (**entry).clone());
            }
            ReservationEvent::ReservationConfirmed { at, actor } => {
                self.change_status("CONFIRMED", at, actor)
            }
            ReservationEvent::ReservationCancelled { at, actor } => {
                self.change_status("CANCELLED", at, actor)
            }
            ReservationEvent::ReservationCompleted { at, actor } => {
                self.change_status("COMPLETED", at, actor)
            }
            ReservationEvent::AdminNoteWritten { at, note } => {
                self.admin_notes.clone_from(note);
                self.record_change(at);
            }
        }
    }
}
