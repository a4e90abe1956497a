//! The canonical reservation: a reservation without column names, spellings and models.
//!
//! Each view reduces its own rows to canonical reservations. Two views with the same canonical reservations are equal.
//! Their hashes are summed per clinic day, so that a day's digest can be updated row by row and views can be compared
//! day by day.

mod digits;

use std::borrow::Cow;
use std::fmt;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::requested_time::ParsedTime;
use daybook_domain::{Period, requested_time};
use sha2::{Digest as _, Sha256};

/// A field of a canonical reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    /// Who may see its value.
    pub access: Access,
}

/// Who may see a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Shown,
    /// Anybody with the log, which contains it in plain text. It identifies a person, so reports only say that it
    /// differs.
    Named,
    /// Only holders of the patient's key. Reports only say that it differs.
    Sealed,
}

/// A reservation as both views can represent it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the fields are a reservation's own and have its words")]
pub struct CanonicalReservation<'a> {
    pub id: &'a str,
    pub date: NaiveDate,
    /// The enum value by which both views can name the service.
    pub service: &'a str,
    pub minutes: i32,
    pub time: Time<'a>,
    pub status: &'a str,
    pub status_changed_at: NaiveDateTime,
    pub status_changed_by: Option<&'a str>,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    pub version: i32,
    pub subject: uuid::Uuid,
    pub patient_name: &'a str,
    pub phone: &'a str,
    pub email: Option<&'a str>,
    pub birth_date: Option<NaiveDateTime>,
    pub gender: Option<&'a str>,
    pub treatment_type: Option<&'a str>,
    pub notes: Option<&'a str>,
    pub admin_notes: Option<&'a str>,
}

/// A reservation's time, as far as both views can represent it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the variants are those of a requested time")]
pub enum Time<'a> {
    At(Cow<'a, str>),
    Period(Period),
    Review(&'a str),
}

impl<'a> Time<'a> {
    /// Parses the old free-text column.
    pub fn from_text(text: &'a str) -> Self {
        match requested_time::parse_stored(text) {
            ParsedTime::At(_) if is_plain(text) => Self::At(text.into()),
            ParsedTime::At(start) => Self::At(start.to_string().into()),
            ParsedTime::Period(period) => Self::Period(period),
            ParsedTime::Ambiguous(_) => Self::Review(text),
        }
    }
}

/// Whether a time is spelled as `HH:MM`.
fn is_plain(time: &str) -> bool {
    let [h1, h2, b':', m1, m2] = time.as_bytes() else { return false };
    [h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit)
}

impl Time<'_> {
    fn append(&self, text: &mut String) {
        let (word, value) = match self {
            Self::At(start) => ("at ", &**start),
            Self::Period(period) => ("in the ", period.as_str()),
            Self::Review(text) => ("review ", *text),
        };
        text.push_str(word);
        text.push_str(value);
    }
}

impl CanonicalReservation<'_> {
    /// All fields with their values in a fixed order. A value may be shown only if its access allows it.
    pub fn fields(&self) -> Vec<(Field, String)> {
        let mut fields = Vec::new();
        self.visit(|field, value| fields.push((field, value.to_owned())));
        fields
    }

    /// Visits the fields without collecting them: a rebuild hashes every reservation of a clinic.
    fn visit(&self, visit: impl FnMut(Field, &str)) {
        // A requested time that could not be read can contain anything, so it is sealed.
        let time = match self.time {
            Time::Review(_) => Access::Sealed,
            Time::At(_) | Time::Period(_) => Access::Shown,
        };
        let mut fields = Visit { visit, text: String::with_capacity(64) };
        fields.append("date", Access::Shown, |text| digits::push_date(text, self.date));
        fields.text(Field { name: "service", access: Access::Shown }, self.service);
        fields.number("minutes", self.minutes.into());
        fields.append("time", time, |text| self.time.append(text));
        fields.text(Field { name: "status", access: Access::Shown }, self.status);
        fields.moment("status_changed_at", self.status_changed_at);
        let by = Field { name: "status_changed_by", access: Access::Named };
        fields.optional(by, self.status_changed_by);
        fields.moment("created_at", self.created_at);
        fields.moment("updated_at", self.updated_at);
        fields.number("version", self.version.into());
        let subject = self.subject.hyphenated();
        fields.text(
            Field { name: "subject", access: Access::Shown },
            subject.encode_lower(&mut uuid::Uuid::encode_buffer()),
        );
        let sealed = |name| Field { name, access: Access::Sealed };
        fields.text(sealed("patient_name"), self.patient_name);
        fields.text(sealed("phone"), self.phone);
        fields.optional(sealed("email"), self.email);
        match self.birth_date {
            Some(date) => {
                fields.append("birth_date", Access::Sealed, |text| digits::push_moment(text, date));
            }
            None => fields.text(sealed("birth_date"), "null"),
        }
        fields.optional(sealed("gender"), self.gender);
        fields.optional(sealed("treatment_type"), self.treatment_type);
        fields.optional(sealed("notes"), self.notes);
        fields.optional(sealed("admin_notes"), self.admin_notes);
    }

    /// The first 16 bytes of the SHA-256 hash of all fields.
    pub fn hash(&self) -> Digest {
        self.hash_of(|_| true)
    }

    /// The hash of the unsealed fields, which anybody with the log can compute without a key. A sealed field counts as
    /// present, even if it was erased.
    pub fn unsealed_hash(&self) -> Digest {
        self.hash_of(|field| field.access != Access::Sealed)
    }

    fn hash_of(&self, is_taken: impl Fn(Field) -> bool) -> Digest {
        // One large update is several times faster than many small ones.
        let mut said = Vec::with_capacity(512);
        put(&mut said, self.id);
        self.visit(|field, value| match is_taken(field) {
            true => put(&mut said, value),
            false => said.extend_from_slice(&LEFT_OUT),
        });
        let hash: [u8; 32] = Sha256::digest(&said).into();
        Digest(hash.iter().take(16).fold(0u128, |number, byte| number << 8 | u128::from(*byte)))
    }
}

/// Replaces a field that is left out of the hash. No text has this length.
const LEFT_OUT: [u8; 4] = u32::MAX.to_le_bytes();

fn put(said: &mut Vec<u8>, text: &str) {
    said.extend_from_slice(&(text.len() as u32).to_le_bytes());
    said.extend_from_slice(text.as_bytes());
}

/// Writes one field after the other into the same buffer.
struct Visit<V> {
    visit: V,
    text: String,
}

impl<V: FnMut(Field, &str)> Visit<V> {
    fn append(&mut self, name: &'static str, access: Access, append: impl FnOnce(&mut String)) {
        self.text.clear();
        append(&mut self.text);
        (self.visit)(Field { name, access }, &self.text);
    }

    /// A text needs no copy.
    fn text(&mut self, field: Field, value: &str) {
        (self.visit)(field, value);
    }

    fn number(&mut self, name: &'static str, value: i64) {
        (self.visit)(Field { name, access: Access::Shown }, itoa::Buffer::new().format(value));
    }

    fn moment(&mut self, name: &'static str, value: NaiveDateTime) {
        self.number(name, value.and_utc().timestamp_millis());
    }

    /// A present value is marked, so that it cannot be mistaken for a missing one.
    fn optional(&mut self, field: Field, value: Option<&str>) {
        match value {
            Some(text) => {
                self.text.clear();
                self.text.push('=');
                self.text.push_str(text);
                (self.visit)(field, &self.text);
            }
            None => self.text(field, "null"),
        }
    }
}

/// A sum of hashes of canonical reservations. It does not depend on their order, and one can be subtracted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest(u128);

impl Digest {
    /// The sum of no reservations.
    pub const EMPTY: Self = Self(0);

    /// The sum with another one added.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// The sum with another one subtracted.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    /// The value of a column of 16 bytes.
    pub const fn to_uuid(self) -> uuid::Uuid {
        uuid::Uuid::from_u128(self.0)
    }

    /// From the value of the column.
    pub const fn from_uuid(value: uuid::Uuid) -> Self {
        Self(value.as_u128())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(&text, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| serde::de::Error::custom("a digest is 32 hexadecimal digits"))
    }
}
