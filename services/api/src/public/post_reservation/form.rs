//! The form that a booking client sends, read into what a booking needs. After this nothing is checked twice.

use chrono::NaiveDate;
use daybook_commands::RequestedTime;
use daybook_domain::catalog::Catalog;
use daybook_domain::phone::Phone;
use daybook_domain::{ClockTime, Gender, Period, ServiceId, TreatmentType};
use daybook_event_log::vault::PatientDetails;

use crate::edge::json::Object;
use crate::edge::{query, text};
use crate::problem::{Code, Details, Problem};
use crate::public::find_service;

/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// Longest notes, in characters.
const MAX_NOTES: usize = 2000;

/// Longest wish for a time, in characters.
const MAX_WISH: usize = 200;

/// Longest phone number as typed, in bytes: fifteen digits and many separators.
const MAX_PHONE: usize = 40;

/// First year in which somebody who makes a reservation may have been born.
const FIRST_BIRTH_YEAR: i32 = 1900;

/// A booking to be, read.
#[derive(Debug)]
pub(super) struct BookingForm {
    pub(super) details: PatientDetails,
    pub(super) phone: Phone,
    pub(super) service: ServiceId,
    pub(super) date: NaiveDate,
    pub(super) wish: RequestedTime,
    /// The wish as the answer says it again.
    pub(super) said_time: String,
}

/// The fields of the form as they came, each of which has to be there.
struct Required {
    patient_name: String,
    phone: String,
    birth_date: String,
    gender: String,
    treatment_type: String,
    service: String,
    preferred_date: String,
    wish: Wish,
}

/// The most precise of the wishes for a time.
enum Wish {
    Start(String),
    Text(String),
    Period(String),
}

/// Reads the form.
pub(super) fn read(mut sent: Object, catalog: &Catalog, today: NaiveDate) -> Result<BookingForm, Problem> {
    let fields = required(&mut sent)?;
    let date = date("preferred_date", &fields.preferred_date)?;
    let service = find_service(catalog, fields.service.trim()).map(|service| service.id.clone());
    let (wish, said_time) = wish(fields.wish)?;
    Ok(BookingForm {
        phone: phone(&fields.phone)?,
        details: PatientDetails {
            patient_name: text::line("patient_name", fields.patient_name.trim().to_owned(), MAX_NAME)?.into(),
            phone: fields.phone.trim().into(),
            email: email(sent.text("email")?)?.map(Into::into),
            birth_date: birth_date(&fields.birth_date, today)?,
            gender: word::<Gender>(&fields.gender, Code::InvalidGender, "gender")?,
            treatment_type: word::<TreatmentType>(
                &fields.treatment_type,
                Code::InvalidTreatmentType,
                "treatment_type",
            )?,
            notes: notes(sent.text("notes")?)?.map(Into::into),
            admin_note: None,
            unread_wish: None,
        },
        service: service.ok_or_else(|| Problem::field(Code::UnknownService, "service"))?,
        date,
        wish,
        said_time,
    })
}

fn required(sent: &mut Object) -> Result<Required, Problem> {
    let mut missing = Vec::new();
    let mut take = |field: &'static str, found: Option<String>| {
        if found.is_none() {
            missing.push(field);
        }
        found.unwrap_or_default()
    };
    let fields = Required {
        patient_name: take("patient_name", sent.text("patient_name")?),
        phone: take("phone", sent.text("phone")?),
        birth_date: take("birth_date", sent.text("birth_date")?),
        gender: take("gender", sent.text("gender")?),
        treatment_type: take("treatment_type", sent.text("treatment_type")?),
        service: {
            let (by_id, by_code) = (sent.text("service_id")?, sent.text("service")?);
            take("service", by_id.or(by_code))
        },
        preferred_date: take("preferred_date", sent.text("preferred_date")?),
        wish: {
            let start = sent.text("time_slot_start")?.map(Wish::Start);
            let typed = sent.text("preferred_time")?.map(Wish::Text);
            let period = sent.text("period")?.map(Wish::Period);
            start.or(typed).or(period).unwrap_or_else(|| Wish::Text(take("preferred_time", None)))
        },
    };
    if missing.is_empty() {
        return Ok(fields);
    }
    Err(Problem::with(Code::MissingFields, Details::Fields { fields: missing }))
}

fn wish(wish: Wish) -> Result<(RequestedTime, String), Problem> {
    match wish {
        Wish::Start(start) => {
            let time: ClockTime =
                start.trim().parse().map_err(|_| Problem::field(Code::InvalidTime, "time_slot_start"))?;
            Ok((RequestedTime::At(time), time.to_string()))
        }
        Wish::Text(typed) => {
            let typed = text::line("preferred_time", typed, MAX_WISH)?;
            Ok((RequestedTime::Text(typed.clone()), typed))
        }
        Wish::Period(period) => {
            let period: Period = word(&period, Code::InvalidPeriod, "period")?;
            Ok((RequestedTime::Period(period), period.korean().to_owned()))
        }
    }
}

fn word<T: std::str::FromStr>(text: &str, code: Code, field: &'static str) -> Result<T, Problem> {
    text.trim().parse().map_err(|_| Problem::field(code, field))
}

fn date(field: &'static str, text: &str) -> Result<NaiveDate, Problem> {
    query::date(text.trim()).ok_or_else(|| Problem::field(Code::InvalidDateFormat, field))
}

/// A phone number.
pub(in crate::public) fn phone(text: &str) -> Result<Phone, Problem> {
    let bounded = Some(text.trim()).filter(|text| text.len() <= MAX_PHONE);
    let phone = bounded.and_then(|text| Phone::parse(text).ok());
    phone.ok_or_else(|| Problem::field(Code::InvalidPhone, "phone"))
}

/// A birth date: a day of the calendar that has been.
pub(in crate::public) fn birth_date(text: &str, today: NaiveDate) -> Result<NaiveDate, Problem> {
    use chrono::Datelike;
    let birth_date = date("birth_date", text)?;
    if birth_date > today || birth_date.year() < FIRST_BIRTH_YEAR {
        return Err(Problem::field(Code::InvalidDateFormat, "birth_date"));
    }
    Ok(birth_date)
}

fn notes(typed: Option<String>) -> Result<Option<String>, Problem> {
    typed.map(|notes| text::prose("notes", notes, MAX_NOTES)).transpose()
}

fn email(typed: Option<String>) -> Result<Option<String>, Problem> {
    let Some(typed) = typed else { return Ok(None) };
    let typed = typed.trim().to_owned();
    if text::is_email(&typed) { Ok(Some(typed)) } else { Err(Problem::field(Code::InvalidEmail, "email")) }
}
