//! A patient's details: the JSON inside a sealed text. `Debug` never shows them.

use std::fmt;

use chrono::NaiveDate;
use daybook_domain::{Gender, TreatmentType};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A patient's details for one reservation. This is a storage format: fields may be added, never changed.
///
/// `SmolStr` keeps short texts inline, because a rebuild holds the details of every reservation in memory.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientDetails {
    pub patient_name: SmolStr,
    pub phone: SmolStr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<SmolStr>,
    pub birth_date: NaiveDate,
    /// As the patient stated it.
    pub gender: Gender,
    /// Whether the patient is new to the clinic.
    pub treatment_type: TreatmentType,
    /// Written by the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<SmolStr>,
    /// Written by staff in the old system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_note: Option<SmolStr>,
    /// A requested time that could not be read. It can contain anything, so it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_wish: Option<SmolStr>,
}

impl PatientDetails {
    /// The JSON text to seal.
    #[expect(clippy::expect_used, reason = "writing plain fields to memory cannot fail")]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("details are written to memory")
    }

    /// Parses an opened text, or `None` if it does not contain details.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl fmt::Debug for PatientDetails {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PatientDetails(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn details() -> PatientDetails {
        PatientDetails {
            patient_name: "Nobody Real".into(),
            phone: "010-0000-0000".into(),
            email: None,
            birth_date: NaiveDate::from_ymd_opt(1990, 1, 2).unwrap(),
            gender: Gender::Female,
            treatment_type: TreatmentType::FirstVisit,
            notes: Some("none".into()),
            admin_note: None,
            unread_wish: None,
        }
    }

    #[test]
    fn the_stored_form_of_details_never_changes() {
        let text = r#"{"patient_name":"Nobody Real","phone":"010-0000-0000","birth_date":"1990-01-02","gender":"FEMALE","treatment_type":"FIRST_VISIT","notes":"none"}"#;
        assert_eq!(details().to_text(), text);
        assert!(PatientDetails::from_text(text) == Some(details()));
        assert!(PatientDetails::from_text("{}").is_none());
    }

    #[test]
    fn debug_does_not_show_details() {
        assert_eq!(format!("{:?}", details()), "PatientDetails(..)");
    }
}
