//! The ranges of a row's values. The old system had no limits for the length of a text, so only the size of the whole row
//! limits it here.

use chrono::NaiveDate;
use daybook_domain::value::{self, Text};

use super::reject::Reason;
use super::row::{Fault, LegacyRow};

/// A column that may be blank.
const fn optional(allowed: Text) -> Text {
    Text { min: 0, ..allowed }
}

/// Spaces and the line breaks of a form, but no other control characters, which count as whitespace too.
fn is_blank(c: char) -> bool {
    c.is_whitespace() && (!c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

/// Checks the values of a row that was parsed.
pub(super) fn check(row: &LegacyRow, today: NaiveDate) -> Result<(), Fault> {
    let texts: [(&'static str, Option<&str>, Text); 7] = [
        ("patientName", Some(&row.patient_name), value::PATIENT_NAME),
        ("phone", Some(&row.phone_text), value::PHONE),
        ("email", row.email.as_deref(), optional(value::EMAIL)),
        ("preferredTime", Some(&row.preferred_time), value::REQUESTED_TIME),
        ("notes", row.notes.as_deref(), value::NOTES),
        ("adminNotes", row.admin_notes.as_deref(), value::NOTES),
        ("statusChangedBy", row.status_changed_by.as_deref(), optional(value::ACTOR)),
    ];
    for (column, text, allowed) in texts {
        // Old forms kept blanks and line breaks at the ends, which nobody sees.
        if text.is_some_and(|text| allowed.check_characters(text.trim_matches(is_blank)).is_err()) {
            return Err((column, Reason::NotVisibleText));
        }
    }
    if row.birth_date > today {
        return Err(("birthDate", Reason::BornLater));
    }
    for (column, date) in [("birthDate", row.birth_date), ("preferredDate", row.preferred_date)] {
        value::CLINIC_DAYS.check(date).map_err(|_| (column, Reason::OutsideCalendar))?;
    }
    let moments = [
        ("createdAt", row.created_at),
        ("updatedAt", row.updated_at),
        ("statusChangedAt", row.status_changed_at),
    ];
    for (column, moment) in moments {
        value::MOMENTS.check(moment).map_err(|_| (column, Reason::OutsideCalendar))?;
    }
    Ok(())
}
