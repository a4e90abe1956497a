//! Reservations in staff responses, with the old system's field names.

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::{LegacyService, Status};
use daybook_projections::query::Reservation;
use serde::Serialize;

/// One reservation, with everything that the view contains.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReservationResponse<'a> {
    id: &'a str,
    patient_name: &'a str,
    phone: &'a str,
    email: Option<&'a str>,
    birth_date: Option<NaiveDate>,
    gender: Option<&'a str>,
    treatment_type: Option<&'a str>,
    service: Option<LegacyService>,
    service_id: Option<&'a str>,
    service_code: Option<&'a str>,
    service_name: Option<&'a str>,
    preferred_date: NaiveDate,
    preferred_time: &'a str,
    period: Option<&'a str>,
    time_slot_start: Option<&'a str>,
    time_slot_end: Option<&'a str>,
    estimated_duration: i32,
    status: Status,
    notes: Option<&'a str>,
    admin_notes: Option<&'a str>,
    created_at: String,
    updated_at: String,
    status_changed_at: String,
    status_changed_by: Option<&'a str>,
    version: u32,
    /// Whether a person has to read the requested time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    needs_review: bool,
}

impl<'a> From<&'a Reservation> for ReservationResponse<'a> {
    fn from(reservation: &'a Reservation) -> Self {
        Self {
            id: &reservation.id,
            patient_name: &reservation.patient_name,
            phone: &reservation.phone,
            email: reservation.email.as_deref(),
            birth_date: reservation.birth_date,
            gender: reservation.gender.as_deref(),
            treatment_type: reservation.treatment_type.as_deref(),
            service: reservation.service,
            service_id: reservation.service_id.as_deref(),
            service_code: reservation.service_code.as_deref(),
            service_name: reservation.service_name.as_deref(),
            preferred_date: reservation.preferred_date,
            preferred_time: &reservation.preferred_time,
            period: reservation.period.as_deref(),
            time_slot_start: reservation.time_slot_start.as_deref(),
            time_slot_end: reservation.time_slot_end.as_deref(),
            estimated_duration: reservation.estimated_duration,
            status: reservation.status,
            notes: reservation.notes.as_deref(),
            // A note that was taken away is recorded as an empty one.
            admin_notes: reservation.admin_notes.as_deref().filter(|note| !note.is_empty()),
            created_at: format_utc(reservation.created_at),
            updated_at: format_utc(reservation.updated_at),
            status_changed_at: format_utc(reservation.status_changed_at),
            status_changed_by: reservation.status_changed_by.as_deref(),
            version: reservation.version,
            needs_review: reservation.needs_review,
        }
    }
}

/// A time in UTC as in the old system's JSON, with milliseconds.
pub(crate) fn format_utc(utc: NaiveDateTime) -> String {
    utc.and_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
