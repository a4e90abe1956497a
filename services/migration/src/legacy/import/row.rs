//! A row of the old `reservations` table, as text and parsed. Later code relies on the parsed values and never sees the text.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use daybook_domain::phone::{Phone, Region, without_invisible};
use daybook_domain::{Gender, LegacyService, ReservationId, Status, TreatmentType};
use daybook_vault::PatientDetails;

use super::reject::{Place, Reason, Reject};
use super::{MAX_ROW_BYTES, row_values};

/// The columns of the old table.
pub(super) const COLUMNS: [&str; 17] = [
    "id",
    "patientName",
    "phone",
    "email",
    "birthDate",
    "gender",
    "treatmentType",
    "preferredDate",
    "preferredTime",
    "status",
    "notes",
    "adminNotes",
    "createdAt",
    "updatedAt",
    "service",
    "statusChangedAt",
    "statusChangedBy",
];

/// An unparsed row: the text of each of [`COLUMNS`], `None` for NULL.
pub(super) struct RawRow {
    pub(super) place: Place,
    pub(super) texts: [Option<String>; COLUMNS.len()],
}

/// A valid row.
pub(super) struct LegacyRow {
    pub(super) place: Place,
    pub(super) id: ReservationId,
    pub(super) patient_name: String,
    pub(super) phone_text: String,
    pub(super) phone: Phone,
    pub(super) email: Option<String>,
    pub(super) birth_date: NaiveDate,
    pub(super) gender: Gender,
    pub(super) treatment_type: TreatmentType,
    pub(super) preferred_date: NaiveDate,
    pub(super) preferred_time: String,
    pub(super) status: Status,
    pub(super) notes: Option<String>,
    pub(super) admin_notes: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) service: LegacyService,
    pub(super) status_changed_at: DateTime<Utc>,
    pub(super) status_changed_by: Option<String>,
}

impl LegacyRow {
    pub(super) fn rejected(&self, field: &'static str, reason: Reason) -> Reject {
        Reject { place: self.place.clone(), field: Some(field), reason }
    }

    /// The details to seal, with the text of the requested time if that must not be stored in plain.
    pub(super) fn details(&self, sealed_time: Option<&str>) -> PatientDetails {
        PatientDetails {
            patient_name: self.patient_name.as_str().into(),
            phone: self.phone_text.as_str().into(),
            email: self.email.as_deref().map(Into::into),
            birth_date: self.birth_date,
            gender: self.gender,
            treatment_type: self.treatment_type,
            notes: self.notes.as_deref().map(Into::into),
            admin_note: self.admin_notes.as_deref().map(Into::into),
            unread_wish: sealed_time.map(Into::into),
        }
    }
}

/// A column and what is wrong with it.
pub(super) type Fault = (&'static str, Reason);

impl RawRow {
    /// Length of the texts.
    pub(super) fn size_bytes(&self) -> usize {
        self.texts.iter().flatten().map(String::len).sum()
    }

    pub(super) fn text(&self, column: &'static str) -> Option<&str> {
        let place = COLUMNS.iter().position(|name| *name == column)?;
        self.texts.get(place)?.as_deref()
    }

    pub(super) fn preferred_date(&self) -> Option<NaiveDate> {
        self.text("preferredDate").and_then(date)
    }

    pub(super) fn id(&self) -> Option<ReservationId> {
        ReservationId::parse(self.text("id")?).ok()
    }

    pub(super) fn parse(mut self, region: Region) -> Result<LegacyRow, Reject> {
        let place = self.place.clone();
        if self.size_bytes() > MAX_ROW_BYTES {
            return Err(Reject { place, field: None, reason: Reason::TooLong });
        }
        let parsed = self.parse_fields(region).and_then(|row| row_values::check(&row).map(|()| row));
        parsed.map_err(|(field, reason)| Reject { place, field: Some(field), reason })
    }

    fn parse_fields(&mut self, region: Region) -> Result<LegacyRow, Fault> {
        let phone_text = self.required("phone")?;
        Ok(LegacyRow {
            place: self.place.clone(),
            id: self.parsed("id", Reason::NotAnId, |text| ReservationId::parse(text).ok())?,
            patient_name: self.required("patientName")?,
            phone: Phone::parse_in(region, &phone_text).map_err(|_| ("phone", Reason::NotAPhoneNumber))?,
            phone_text: without_invisible(&phone_text),
            email: self.optional("email"),
            birth_date: self.parsed("birthDate", Reason::NotATimestamp, birth_date)?,
            gender: self.word("gender")?,
            treatment_type: self.word("treatmentType")?,
            preferred_date: self.parsed("preferredDate", Reason::NotADate, date)?,
            // Patients sent empty texts, and some exports write these like NULL.
            preferred_time: self.take("preferredTime").unwrap_or_default(),
            status: self.word("status")?,
            notes: self.optional("notes"),
            admin_notes: self.optional("adminNotes"),
            created_at: self.parsed("createdAt", Reason::NotATimestamp, timestamp)?,
            updated_at: self.parsed("updatedAt", Reason::NotATimestamp, timestamp)?,
            service: self.word("service")?,
            status_changed_at: self.parsed("statusChangedAt", Reason::NotATimestamp, timestamp)?,
            status_changed_by: self.optional("statusChangedBy"),
        })
    }

    fn take(&mut self, column: &'static str) -> Option<String> {
        let place = COLUMNS.iter().position(|name| *name == column)?;
        self.texts.get_mut(place)?.take()
    }

    /// An empty text counts as NULL.
    fn optional(&mut self, column: &'static str) -> Option<String> {
        self.take(column).filter(|text| !text.is_empty())
    }

    fn required(&mut self, column: &'static str) -> Result<String, Fault> {
        self.optional(column).ok_or((column, Reason::Missing))
    }

    fn parsed<T>(
        &mut self,
        column: &'static str,
        reason: Reason,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Fault> {
        parse(&self.required(column)?).ok_or((column, reason))
    }

    fn word<T: std::str::FromStr>(&mut self, column: &'static str) -> Result<T, Fault> {
        self.parsed(column, Reason::UnknownWord, |text| text.parse().ok())
    }
}

/// PostgreSQL writes ten characters. The standard parser would also accept `2025-3-8` and `+12025-01-01`.
fn date(text: &str) -> Option<NaiveDate> {
    let shape = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    if text.len() == 10 && text.bytes().enumerate().all(shape) { text.parse().ok() } else { None }
}

/// The old system writes UTC without a zone.
fn timestamp(text: &str) -> Option<DateTime<Utc>> {
    let (day, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix([' ', 'T'])?;
    let is_plain = time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
    let time = NaiveTime::parse_from_str(time, "%H:%M:%S%.f").ok().filter(|_| is_plain)?;
    Some(date(day)?.and_time(time).and_utc())
}

/// The old system stores the day as a timestamp with a meaningless time of day.
fn birth_date(text: &str) -> Option<NaiveDate> {
    date(text).or_else(|| timestamp(text).map(|instant| instant.date_naive()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const ROW: [&str; COLUMNS.len()] = [
        "5ab08197-8c8b-4335-8efb-a8ed09c62f16",
        "Nobody Inparticular",
        "010-0000-0001",
        "",
        "1982-04-05 00:00:00",
        "FEMALE",
        "FOLLOW_UP",
        "2025-03-28",
        "",
        "COMPLETED",
        "",
        "",
        "2025-03-11 22:24:00.001",
        "2025-03-12 01:14:00",
        "WRINKLE_BOTOX",
        "2025-03-12T01:14:00.000",
        "admin@clinic.example",
    ];

    fn row_with(column: &str, text: &str) -> RawRow {
        let place = COLUMNS.iter().position(|name| *name == column).unwrap();
        let mut texts = ROW.map(|text| Some(text.to_owned()));
        texts[place] = Some(text.to_owned());
        RawRow { place: Place::Line(7), texts }
    }

    #[test]
    fn a_row_of_the_old_table_is_parsed() {
        let row = row_with("gender", "FEMALE").parse(Region::default()).ok().unwrap();
        assert_eq!(row.birth_date.to_string(), "1982-04-05");
        assert_eq!(row.created_at.to_rfc3339(), "2025-03-11T22:24:00.001+00:00");
        assert_eq!((row.preferred_time.as_str(), row.email), ("", None));
        assert_eq!(row.phone.as_str(), "01000000001");
    }

    #[test]
    fn a_reject_names_column_and_reason() {
        let cases = [
            ("id", "a b", Reason::NotAnId),
            ("id", "", Reason::Missing),
            ("patientName", "", Reason::Missing),
            ("phone", "call me", Reason::NotAPhoneNumber),
            ("birthDate", "5 April 1982", Reason::NotATimestamp),
            ("gender", "female", Reason::UnknownWord),
            ("preferredDate", "2025-02-30", Reason::NotADate),
            ("preferredDate", "2025-2-3", Reason::NotADate),
            ("status", "DONE", Reason::UnknownWord),
            ("createdAt", "2025-03-11", Reason::NotATimestamp),
            ("createdAt", "2025-03-11 25:00:00", Reason::NotATimestamp),
            ("service", "TELEPORT", Reason::UnknownWord),
            ("patientName", "No\0body", Reason::NotVisibleText),
            ("patientName", "\u{200b}", Reason::NotVisibleText),
            ("patientName", "\u{202e}ydoboN", Reason::NotVisibleText),
            ("phone", "010-0000-0001\0", Reason::NotAPhoneNumber),
            ("email", "a\0@b.kr", Reason::NotVisibleText),
            ("preferredTime", "10:00\0", Reason::NotVisibleText),
            ("notes", "a\0b", Reason::NotVisibleText),
            ("adminNotes", "\u{1b}[2J", Reason::NotVisibleText),
            ("statusChangedBy", "a\0b", Reason::NotVisibleText),
            ("preferredDate", "0000-01-01", Reason::OutsideCalendar),
            ("preferredDate", "2200-01-01", Reason::OutsideCalendar),
            ("birthDate", "0000-01-01 00:00:00", Reason::OutsideCalendar),
            ("createdAt", "0000-01-01 00:00:00", Reason::OutsideCalendar),
            ("updatedAt", "2025-03-11 23:59:60.999999", Reason::OutsideCalendar),
            ("statusChangedAt", "9999-12-31 00:00:00", Reason::OutsideCalendar),
        ];
        for (column, text, reason) in cases {
            let reject = row_with(column, text).parse(Region::default()).err().unwrap();
            assert_eq!(reject, Reject { place: Place::Line(7), field: Some(column), reason }, "{text:?}");
        }
    }

    #[test]
    fn long_texts_and_texts_of_several_lines_are_taken_from_the_old_system() {
        for (column, text) in [
            ("notes", "메모\n".repeat(1000)),
            ("preferredTime", "저녁,\n\"퇴근\" 후".to_owned()),
            ("patientName", "김".repeat(200)),
            ("statusChangedBy", " ".to_owned()),
        ] {
            assert!(row_with(column, &text).parse().is_ok(), "{column}");
        }
    }

    #[test]
    fn a_row_is_bounded() {
        let reject = row_with("notes", &"x".repeat(MAX_ROW_BYTES)).parse(Region::default()).err().unwrap();
        assert_eq!((reject.field, reject.reason), (None, Reason::TooLong));
    }
}
