//! A patient's details as they are sealed: JSON inside the sealed text. They are never shown by `Debug`.

use std::fmt;

use chrono::NaiveDate;
use daybook_domain::{Gender, TreatmentType};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// What is known of a patient with one reservation. Storage format: fields are added to, never changed.
///
/// Most of the texts are short, so they stand in place: a rebuild holds those of every reservation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientDetails {
    /// Name as it was given.
    pub patient_name: SmolStr,
    /// Phone number as it was given.
    pub phone: SmolStr,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<SmolStr>,
    /// Birth date.
    pub birth_date: NaiveDate,
    /// Gender.
    pub gender: Gender,
    /// Whether the patient is new to the clinic.
    pub treatment_type: TreatmentType,
    /// What the patient wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<SmolStr>,
    /// What staff of the old system wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_note: Option<SmolStr>,
    /// The wish for a time that was not understood: such a text can hold anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_wish: Option<SmolStr>,
}

impl PatientDetails {
    /// The text that is sealed.
    #[expect(clippy::expect_used, reason = "writing plain fields to memory cannot fail")]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("details are written to memory")
    }

    /// Reads a text that was opened; none where it holds no details.
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
    fn details_are_stored_as_they_are_for_ever() {
        let text = r#"{"patient_name":"Nobody Real","phone":"010-0000-0000","birth_date":"1990-01-02","gender":"FEMALE","treatment_type":"FIRST_VISIT","notes":"none"}"#;
        assert_eq!(details().to_text(), text);
        assert!(PatientDetails::from_text(text) == Some(details()));
        assert!(PatientDetails::from_text("{}").is_none());
    }

    #[test]
    fn details_are_not_shown() {
        assert_eq!(format!("{:?}", details()), "PatientDetails(..)");
    }
}
