//! The canonical fact: what a reservation says once names of columns, spellings and models are taken away.
//!
//! Each view reduces its own rows to facts; two views that hold the same facts are equal. Per clinic day the facts'
//! hashes are summed, so that a day's digest can be kept up row by row and two views can be compared day by day.

use std::borrow::Cow;
use std::fmt;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::wish::Understood;
use daybook_domain::{Period, wish};
use sha2::{Digest as _, Sha256};

/// Version of the rules by which events are folded into rows and rows are reduced. Digests of different versions say
/// nothing about each other. A test holds what golden histories fold into against what it was at this version.
pub const RULES_VERSION: u32 = 1;

/// A field of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// Whether it may be shown, or only that it differs.
    pub(crate) shown: bool,
}

/// What a reservation says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact<'a> {
    pub(crate) id: &'a str,
    pub(crate) date: NaiveDate,
    /// The enum value by which both views can name the service.
    pub(crate) service: &'a str,
    pub(crate) minutes: i32,
    pub(crate) time: Time<'a>,
    pub(crate) status: &'a str,
    pub(crate) status_changed_at: NaiveDateTime,
    pub(crate) status_changed_by: Option<&'a str>,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) updated_at: NaiveDateTime,
    pub(crate) version: i32,
    pub(crate) subject: uuid::Uuid,
    pub(crate) patient_name: &'a str,
    pub(crate) phone: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) birth_date: Option<NaiveDateTime>,
    pub(crate) gender: Option<&'a str>,
    pub(crate) treatment_type: Option<&'a str>,
    pub(crate) notes: Option<&'a str>,
    pub(crate) admin_notes: Option<&'a str>,
}

/// Where in its day a reservation stands, as far as both views can say it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Time<'a> {
    At(Cow<'a, str>),
    Period(Period),
    Review(&'a str),
}

impl<'a> Time<'a> {
    /// Reads the old free-text column.
    pub(crate) fn of_text(text: &'a str) -> Self {
        match wish::read(text) {
            Understood::At(start) => Self::At(start.to_string().into()),
            Understood::Period(period) => Self::Period(period),
            Understood::Unclear(_) => Self::Review(text),
        }
    }
}

impl fmt::Display for Time<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(start) => write!(formatter, "at {start}"),
            Self::Period(period) => write!(formatter, "in the {}", period.as_str()),
            Self::Review(text) => write!(formatter, "review {text}"),
        }
    }
}

impl Fact<'_> {
    /// Every field by name, in a fixed order. What is a patient's is not shown.
    pub(crate) fn fields(&self) -> Vec<(Field, String)> {
        let mut fields = Vec::new();
        self.visit(|field, value| fields.push((field, value.to_owned())));
        fields
    }

    /// Goes through the fields without keeping any: a rebuild hashes every fact of a clinic.
    fn visit(&self, visit: impl FnMut(Field, &str)) {
        let is_review = matches!(self.time, Time::Review(_));
        let mut fields = Visit { visit, text: String::with_capacity(64) };
        fields.shown("date", format_args!("{}", self.date));
        fields.text(Field { name: "service", shown: true }, self.service);
        fields.shown("minutes", format_args!("{}", self.minutes));
        fields.write(Field { name: "time", shown: !is_review }, format_args!("{}", self.time));
        fields.text(Field { name: "status", shown: true }, self.status);
        fields.moment("status_changed_at", self.status_changed_at);
        fields.optional("status_changed_by", self.status_changed_by);
        fields.moment("created_at", self.created_at);
        fields.moment("updated_at", self.updated_at);
        fields.shown("version", format_args!("{}", self.version));
        fields.shown("subject", format_args!("{}", self.subject));
        fields.text(Field { name: "patient_name", shown: false }, self.patient_name);
        fields.text(Field { name: "phone", shown: false }, self.phone);
        fields.optional("email", self.email);
        match self.birth_date {
            Some(date) => fields.kept("birth_date", format_args!("{date}")),
            None => fields.text(Field { name: "birth_date", shown: false }, "null"),
        }
        fields.optional("gender", self.gender);
        fields.optional("treatment_type", self.treatment_type);
        fields.optional("notes", self.notes);
        fields.optional("admin_notes", self.admin_notes);
    }

    /// The first 16 bytes of the hash of all that it says.
    pub(crate) fn hash(&self) -> Digest {
        // Hashed as one piece: many small ones cost several times as much.
        let mut said = Vec::with_capacity(512);
        let mut put = |text: &str| {
            said.extend_from_slice(&(text.len() as u32).to_le_bytes());
            said.extend_from_slice(text.as_bytes());
        };
        put(self.id);
        self.visit(|_, value| put(value));
        let hash: [u8; 32] = Sha256::digest(&said).into();
        Digest(hash.iter().take(16).fold(0u128, |number, byte| number << 8 | u128::from(*byte)))
    }
}

/// Writes one field after the other into the same text.
struct Visit<V> {
    visit: V,
    text: String,
}

impl<V: FnMut(Field, &str)> Visit<V> {
    fn write(&mut self, field: Field, value: fmt::Arguments<'_>) {
        self.text.clear();
        // A text takes whatever is written to it.
        let _ = fmt::Write::write_fmt(&mut self.text, value);
        (self.visit)(field, &self.text);
    }

    /// What is a text already need not be written once more.
    fn text(&mut self, field: Field, value: &str) {
        (self.visit)(field, value);
    }

    fn shown(&mut self, name: &'static str, value: fmt::Arguments<'_>) {
        self.write(Field { name, shown: true }, value);
    }

    fn kept(&mut self, name: &'static str, value: fmt::Arguments<'_>) {
        self.write(Field { name, shown: false }, value);
    }

    fn moment(&mut self, name: &'static str, value: NaiveDateTime) {
        self.shown(name, format_args!("{}", value.and_utc().timestamp_millis()));
    }

    /// What is there is marked, so that it cannot be taken for what is missing.
    fn optional(&mut self, name: &'static str, value: Option<&str>) {
        let field = Field { name, shown: false };
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

/// A sum of hashes of facts; it does not depend on their order, and a fact can be taken out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest(u128);

impl Digest {
    /// Of nothing.
    pub const EMPTY: Self = Self(0);

    /// With one more.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// With one taken out.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    /// As a column of 16 bytes holds it.
    pub const fn to_uuid(self) -> uuid::Uuid {
        uuid::Uuid::from_u128(self.0)
    }

    /// Reads the column.
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
