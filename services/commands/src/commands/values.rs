//! Checks the texts that are sealed before the domain decides: nobody can check them afterwards.

use chrono::NaiveDate;
use daybook_domain::schedule::{Rejection, ReservationChange};
use daybook_domain::value::{self, Checks};

use super::NewReservation;
use crate::requested_time::RequestedTime;

/// Checks a request for a booking.
pub(super) fn check_request(request: &NewReservation, today: NaiveDate) -> Result<(), Rejection> {
    let details = &request.details;
    let text = match &request.requested_time {
        RequestedTime::Text(text) => Some(text.as_str()),
        RequestedTime::At(_) | RequestedTime::Period(_) => None,
    };
    let checked = Checks::default()
        .check("patient_name", value::PATIENT_NAME.check(&details.patient_name))
        .check("phone", value::PHONE.check(&details.phone))
        .check_some("email", details.email.as_deref(), |email| value::EMAIL.check(email))
        .check("birth_date", value::birth_dates(today).check(details.birth_date))
        .check_some("notes", details.notes.as_deref(), |notes| value::NOTES.check(notes))
        .check_some("adminNotes", details.admin_note.as_deref(), |note| value::NOTES.check(note))
        .check_some("preferred_time", text, |text| value::REQUESTED_TIME.check(text))
        .finish();
    Ok(checked?)
}

/// Checks the free texts of changes to a booking.
pub(super) fn check_changes(changes: &[ReservationChange<String>]) -> Result<(), Rejection> {
    let mut checks = Checks::default();
    for change in changes {
        let (field, allowed) = match change {
            ReservationChange::WriteAdminNote(_) => ("adminNotes", value::NOTES),
            ReservationChange::Confirm
            | ReservationChange::Reject { .. }
            | ReservationChange::Cancel { .. }
            | ReservationChange::Complete
            | ReservationChange::MarkNoShow
            | ReservationChange::CorrectNoShow { .. }
            | ReservationChange::CorrectCompletion { .. }
            | ReservationChange::Reschedule { .. }
            | ReservationChange::AssignTime { .. }
            | ReservationChange::ReviewTime(_) => ("reason", value::REASON),
        };
        checks.check_some(field, change.text(), |text| allowed.check(text));
    }
    Ok(checks.finish()?)
}
