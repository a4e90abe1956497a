//! A row of the old `reservations` table, as text and parsed. Later code relies on the parsed values and never sees the text.

use chrono::{DateTime, NaiveDate, Utc};
use daybook_domain::phone::{Phone, Region, without_invisible};
use daybook_domain::requested_time::without_invisible as without_invisible_in_time;
use daybook_domain::value::is_visible;
use daybook_domain::{Gender, LegacyService, ReservationId, Status, TreatmentType};
use daybook_vault::PatientDetails;

use super::moments::{DateRule, moment};
use super::reject::{Place, Reason, Reject};
use super::row_contents::RowHash;
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

/// The columns that may be NULL, and the requested time, which patients left empty.
const NULLABLE: [&str; 5] = ["email", "preferredTime", "notes", "adminNotes", "statusChangedBy"];

/// How export tools write NULL. `Null` is left out, because it is a surname.
const NULL_WORDS: [&str; 9] =
    ["NULL", "null", "\\N", "(null)", "(NULL)", "[NULL]", "[null]", "<null>", "<NULL>"];

/// How programs write that a value is missing, in any case. Other columns may hold them as texts.
const MISSING_WORDS: [&str; 12] =
    ["nil", "none", "nan", "na", "n/a", "#n/a", "#na", "<na>", "nat", "undefined", "#ref!", "#value!"];

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
        Reject::new(self.place.clone(), Some(field), reason)
    }

    pub(super) fn rejected_whole(&self, reason: Reason) -> Reject {
        Reject::new(self.place.clone(), None, reason)
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
    /// A row in which the NULL of an export tool is no text.
    pub(super) fn new(place: Place, mut texts: [Option<String>; COLUMNS.len()]) -> Self {
        for (column, text) in COLUMNS.iter().zip(&mut texts) {
            if NULLABLE.contains(column) && text.as_deref().is_some_and(is_null_word) {
                *text = None;
            }
        }
        Self { place, texts }
    }

    /// Length of the texts.
    pub(super) fn size_bytes(&self) -> usize {
        self.texts.iter().flatten().map(String::len).sum()
    }

    pub(super) fn hash(&self) -> RowHash {
        RowHash::from_fields(self.texts.iter().map(|text| text.as_deref().map(str::as_bytes)))
    }

    pub(super) fn text(&self, column: &'static str) -> Option<&str> {
        let place = COLUMNS.iter().position(|name| *name == column)?;
        self.texts.get(place)?.as_deref()
    }

    /// The value of a column that holds one of a few words.
    pub(super) fn word<T: std::str::FromStr>(&self, column: &'static str) -> Option<T> {
        self.text(column)?.trim().parse().ok()
    }

    pub(super) fn preferred_date(&self, dates: DateRule) -> Option<NaiveDate> {
        dates.day(self.text("preferredDate")?).ok()
    }

    pub(super) fn id(&self) -> Option<ReservationId> {
        let text = self.text("id")?.trim();
        ReservationId::parse(text).ok().filter(|_| !is_missing_word(text))
    }

    /// Parses the row as of a day of the clinic.
    pub(super) fn parse(
        mut self,
        region: Region,
        dates: DateRule,
        today: NaiveDate,
    ) -> Result<LegacyRow, Reject> {
        let place = self.place.clone();
        if self.size_bytes() > MAX_ROW_BYTES {
            return Err(Reject::new(place, None, Reason::TooLong));
        }
        let parsed = self.parse_fields(region, dates);
        let parsed = parsed.and_then(|row| row_values::check(&row, today).map(|()| row));
        parsed.map_err(|(field, reason)| Reject::new(place, Some(field), reason))
    }

    fn parse_fields(&mut self, region: Region, dates: DateRule) -> Result<LegacyRow, Fault> {
        let phone_text = self.required("phone")?;
        Ok(LegacyRow {
            place: self.place.clone(),
            id: self.take_id()?,
            patient_name: self.required("patientName")?,
            phone: Phone::parse_in(region, &phone_text).map_err(|_| ("phone", Reason::NotAPhoneNumber))?,
            phone_text: without_invisible(&phone_text),
            email: self.optional("email")?,
            birth_date: self.date("birthDate", |text| dates.birth_date(text))?,
            gender: self.required_word("gender")?,
            treatment_type: self.required_word("treatmentType")?,
            preferred_date: self.date("preferredDate", |text| dates.day(text))?,
            // Patients sent empty texts, and some exports write these like NULL.
            preferred_time: self.take("preferredTime")?.map(without_invisible_in_time).unwrap_or_default(),
            status: self.required_word("status")?,
            notes: self.optional("notes")?,
            admin_notes: self.optional("adminNotes")?,
            created_at: self.parsed("createdAt", Reason::NotATimestamp, moment)?,
            updated_at: self.parsed("updatedAt", Reason::NotATimestamp, moment)?,
            service: self.required_word("service")?,
            status_changed_at: self.parsed("statusChangedAt", Reason::NotATimestamp, moment)?,
            status_changed_by: self.optional("statusChangedBy")?,
        })
    }

    /// Takes the text of a column. PostgreSQL cannot store a NUL character in one.
    fn take(&mut self, column: &'static str) -> Result<Option<String>, Fault> {
        let place = COLUMNS.iter().position(|name| *name == column);
        let text = place.and_then(|place| self.texts.get_mut(place)?.take());
        let has_nul = text.as_deref().is_some_and(|text| text.contains('\0'));
        if has_nul { Err((column, Reason::NulCharacter)) } else { Ok(text) }
    }

    /// An empty text counts as NULL.
    fn optional(&mut self, column: &'static str) -> Result<Option<String>, Fault> {
        Ok(self.take(column)?.filter(|text| !text.is_empty()))
    }

    fn required(&mut self, column: &'static str) -> Result<String, Fault> {
        let text = self.optional(column)?.filter(|text| !text.trim().is_empty());
        let text = text.ok_or((column, Reason::Missing))?;
        if is_null_word(&text) { Err((column, Reason::NullWord)) } else { Ok(text) }
    }

    /// An id is never NULL in a table, so a word for a missing value is none, in whatever case a tool writes it.
    fn take_id(&mut self) -> Result<ReservationId, Fault> {
        let text = self.optional("id")?.filter(|text| text.chars().any(is_visible));
        let text = text.ok_or(("id", Reason::Missing))?;
        let fault = |reason| ("id", reason);
        if is_missing_word(text.trim()) {
            return Err(fault(Reason::MissingWord));
        }
        ReservationId::parse(text.trim()).map_err(|_| fault(Reason::NotAnId))
    }

    fn parsed<T>(
        &mut self,
        column: &'static str,
        reason: Reason,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Fault> {
        parse(self.required(column)?.trim()).ok_or((column, reason))
    }

    fn date(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<NaiveDate, Reason>,
    ) -> Result<NaiveDate, Fault> {
        read(&self.required(column)?).map_err(|reason| (column, reason))
    }

    fn required_word<T: std::str::FromStr>(&mut self, column: &'static str) -> Result<T, Fault> {
        self.parsed(column, Reason::UnknownWord, |text| text.parse().ok())
    }
}

fn is_null_word(text: &str) -> bool {
    NULL_WORDS.contains(&text.trim())
}

/// Whether a text stands for a missing value: a word of an export tool, or nothing but signs such as `-` or `...`.
fn is_missing_word(text: &str) -> bool {
    let is_word = |word: &&str| word.eq_ignore_ascii_case(text);
    NULL_WORDS.iter().chain(&MISSING_WORDS).any(is_word) || !text.contains(char::is_alphanumeric)
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

    impl RawRow {
        fn parse_plain(self) -> Result<LegacyRow, Reject> {
            self.parse(Region::default(), DateRule::default(), "2026-11-30".parse().unwrap())
        }
    }

    fn row_with(column: &str, text: &str) -> RawRow {
        let place = COLUMNS.iter().position(|name| *name == column).unwrap();
        let mut texts = ROW.map(|text| Some(text.to_owned()));
        texts[place] = Some(text.to_owned());
        RawRow::new(Place::Line(7), texts)
    }

    #[test]
    fn a_row_of_the_old_table_is_parsed() {
        let row = row_with("gender", "FEMALE").parse_plain().ok().unwrap();
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
            ("id", "  ", Reason::Missing),
            ("id", "\u{200b}\u{feff}", Reason::Missing),
            ("id", "\u{3164}", Reason::Missing),
            ("id", "a\u{200b}b", Reason::NotAnId),
            ("id", "a\0b", Reason::NulCharacter),
            ("patientName", "", Reason::Missing),
            ("patientName", " ", Reason::Missing),
            ("patientName", "NULL", Reason::NullWord),
            ("status", "\\N", Reason::NullWord),
            ("patientName", "a\0b", Reason::NulCharacter),
            ("notes", "\0", Reason::NulCharacter),
            ("birthDate", "1982-04-04 15:00:00", Reason::DayInDoubt),
            ("phone", "call me", Reason::NotAPhoneNumber),
            ("birthDate", "5 April 1982", Reason::NotATimestamp),
            ("gender", "female", Reason::UnknownWord),
            ("preferredDate", "2025-02-30", Reason::NotADate),
            ("preferredDate", "2025-2-3", Reason::NotADate),
            ("status", "DONE", Reason::UnknownWord),
            ("createdAt", "2025-03-11", Reason::NotATimestamp),
            ("createdAt", "2025-03-11 25:00:00", Reason::NotATimestamp),
            ("service", "TELEPORT", Reason::UnknownWord),
            ("patientName", "No\0body", Reason::NulCharacter),
            ("patientName", "\u{200b}", Reason::NotVisibleText),
            ("patientName", "\u{202e}ydoboN", Reason::NotVisibleText),
            ("phone", "010-0000-0001\0", Reason::NulCharacter),
            ("email", "a\0@b.kr", Reason::NulCharacter),
            ("preferredTime", "10:00\0", Reason::NulCharacter),
            ("notes", "a\0b", Reason::NulCharacter),
            ("adminNotes", "\u{1b}[2J", Reason::NotVisibleText),
            ("statusChangedBy", "a\0b", Reason::NulCharacter),
            ("preferredDate", "0000-01-01", Reason::NotADate),
            ("preferredDate", "2200-01-01", Reason::OutsideCalendar),
            ("birthDate", "2026-12-01 00:00:00", Reason::BornLater),
            ("birthDate", "1899-12-31 00:00:00", Reason::OutsideCalendar),
            ("birthDate", "0000-01-01 00:00:00", Reason::NotATimestamp),
            ("createdAt", "0000-01-01 00:00:00", Reason::NotATimestamp),
            ("updatedAt", "2025-03-11 23:59:60.999999", Reason::NotATimestamp),
            ("statusChangedAt", "9999-12-31 00:00:00", Reason::OutsideCalendar),
        ];
        for (column, text, reason) in cases {
            let reject = row_with(column, text).parse_plain().err().unwrap();
            assert_eq!(reject, Reject::new(Place::Line(7), Some(column), reason), "{text:?}");
        }
    }

    #[test]
    fn every_spelling_of_a_number_is_one_patient() {
        let spellings = [
            "010-0000-0001",
            "01000000001",
            "+82 10-0000-0001",
            "+821000000001",
            "82-10-0000-0001",
            "0082-10-0000-0001",
            "1000000001",
            "\u{ff10}\u{ff11}\u{ff10}-0000-0001",
            "010\u{2013}0000\u{2013}0001",
            "010\u{a0}0000\u{a0}0001",
            "'010-0000-0001",
            "=\"010-0000-0001\"",
            "010-0000-0001\n",
        ];
        for text in spellings {
            let row = row_with("phone", text).parse_plain();
            assert_eq!(row.ok().unwrap().phone.as_str(), "01000000001", "{text:?}");
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
            assert!(row_with(column, &text).parse_plain().is_ok(), "{column}");
        }
    }

    #[test]
    fn the_null_of_an_export_tool_is_no_text_of_a_patient() {
        for word in NULL_WORDS {
            for column in ["email", "notes", "adminNotes", "statusChangedBy"] {
                let row = row_with(column, word).parse_plain().ok().unwrap();
                let texts = [row.email, row.notes, row.admin_notes];
                assert_eq!(texts, [None, None, None], "{column} {word}");
                assert_eq!(row.status_changed_by.is_none(), column == "statusChangedBy", "{column} {word}");
            }
            assert_eq!(row_with("preferredTime", word).text("preferredTime"), None, "{word}");
        }
        let row = row_with("patientName", "Null").parse_plain().ok().unwrap();
        assert_eq!(row.patient_name, "Null", "a surname");
        assert_eq!(row_with("notes", "N/A").parse_plain().ok().unwrap().notes.as_deref(), Some("N/A"));
    }

    #[test]
    fn a_word_for_a_missing_value_is_no_id() {
        let words = [
            "None",
            "NONE",
            "nan",
            "NaN",
            "#N/A",
            "n/a",
            "Nil",
            "undefined",
            "-",
            "--",
            "...",
            "_",
            "?",
            " Null ",
        ];
        for word in NULL_WORDS.iter().chain(&words) {
            let row = row_with("id", word);
            assert_eq!(row.id(), None, "{word}");
            let reject = row.parse_plain().err().unwrap();
            assert_eq!((reject.field, reject.reason), (Some("id"), Reason::MissingWord), "{word}");
        }
        for id in
            ["1", "0", "null-1", "nano", "ckx0a1b2c0000qzrmn831i7rn", "5AB08197-8C8B-4335-8EFB-A8ED09C62F16"]
        {
            assert_eq!(row_with("id", id).parse_plain().ok().unwrap().id.as_str(), id);
        }
    }

    #[test]
    fn blanks_around_a_word_or_a_date_do_not_matter() {
        let row = row_with("status", " PENDING ").parse_plain().ok().unwrap();
        assert_eq!(row.status, Status::Pending);
        let row = row_with("preferredDate", "2025-03-28 ").parse_plain().ok().unwrap();
        assert_eq!(row.preferred_date.to_string(), "2025-03-28");
    }

    #[test]
    fn a_row_holds_a_time_as_it_is_seen_and_a_name_as_it_was_written() {
        let row = row_with("preferredTime", "10:00\u{200b}").parse_plain().ok().unwrap();
        assert_eq!(row.preferred_time, "10:00");
        let row = row_with("patientName", " 한여울 ").parse_plain().ok().unwrap();
        assert_eq!(row.patient_name, " 한여울 ");
        assert!(row_with("birthDate", "2026-11-30 00:00:00").parse_plain().is_ok(), "born today");
    }

    #[test]
    fn a_row_is_bounded() {
        let reject = row_with("notes", &"x".repeat(MAX_ROW_BYTES)).parse_plain().err().unwrap();
        assert_eq!((reject.field, reject.reason), (None, Reason::TooLong));
    }
}
