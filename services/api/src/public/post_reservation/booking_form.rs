//! Parses and validates the booking form that a client sends. Later code does not validate it again.

use chrono::NaiveDate;
use daybook_commands::RequestedTime;
use daybook_domain::catalog::Catalog;
use daybook_domain::phone::{Phone, Region, without_invisible};
use daybook_domain::{ClockTime, Gender, Period, ServiceId, TreatmentType};
use daybook_vault::PatientDetails;

use crate::problem::{Code, Problem};
use crate::public::find_service;
use crate::request::json::Object;
use crate::request::{query, text};

/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// Longest notes, in characters.
const MAX_NOTES: usize = 2000;

/// Longest text of a requested time, in characters.
const MAX_REQUESTED_TIME: usize = 200;

/// Longest phone number with separators, in characters.
const MAX_PHONE: usize = 40;

/// Earliest year of birth.
const FIRST_BIRTH_YEAR: i32 = 1900;

/// A valid booking form.
#[derive(Debug)]
pub(super) struct BookingForm {
    pub(super) details: PatientDetails,
    pub(super) phone: Phone,
    pub(super) service: ServiceId,
    pub(super) date: NaiveDate,
    pub(super) requested_time: RequestedTime,
    /// The requested time as the response repeats it.
    pub(super) requested_time_text: String,
}

/// The required fields of the form, not yet validated.
struct RequiredFields {
    patient_name: String,
    phone: String,
    birth_date: String,
    gender: String,
    treatment_type: String,
    service: String,
    preferred_date: String,
    requested_time: RequestedTimeField,
}

/// The most precise field for the time that the form contains.
enum RequestedTimeField {
    Start(String),
    Text(String),
    Period(String),
}

/// Parses the form.
pub(super) fn parse(
    mut body: Object,
    region: Region,
    catalog: &Catalog,
    today: NaiveDate,
) -> Result<BookingForm, Problem> {
    let fields = required_fields(&mut body)?;
    let date = date("preferred_date", &fields.preferred_date)?;
    let service = find_service(catalog, fields.service.trim()).map(|service| service.id.clone());
    let (requested_time, requested_time_text) = requested_time(fields.requested_time)?;
    Ok(BookingForm {
        phone: phone(region, &fields.phone)?,
        details: PatientDetails {
            patient_name: text::line("patient_name", fields.patient_name.trim().to_owned(), MAX_NAME)?.into(),
            phone: without_invisible(fields.phone.trim()).into(),
            email: email(body.text("email")?)?.map(Into::into),
            birth_date: birth_date(&fields.birth_date, today)?,
            gender: parse_value::<Gender>(&fields.gender, Code::InvalidGender, "gender")?,
            treatment_type: parse_value::<TreatmentType>(
                &fields.treatment_type,
                Code::InvalidTreatmentType,
                "treatment_type",
            )?,
            notes: text::optional_prose("notes", body.text("notes")?, MAX_NOTES)?.map(Into::into),
            admin_note: None,
            unread_wish: None,
        },
        service: service.ok_or_else(|| Problem::field(Code::UnknownService, "service"))?,
        date,
        requested_time,
        requested_time_text,
    })
}

fn required_fields(body: &mut Object) -> Result<RequiredFields, Problem> {
    let mut missing = Vec::new();
    let mut take = |field: &'static str, found: Option<String>| {
        if found.is_none() {
            missing.push(field);
        }
        found.unwrap_or_default()
    };
    let fields = RequiredFields {
        patient_name: take("patient_name", body.text("patient_name")?),
        phone: take("phone", body.text("phone")?),
        birth_date: take("birth_date", body.text("birth_date")?),
        gender: take("gender", body.text("gender")?),
        treatment_type: take("treatment_type", body.text("treatment_type")?),
        service: {
            let (by_id, by_code) = (body.text("service_id")?, body.text("service")?);
            take("service", by_id.or(by_code))
        },
        preferred_date: take("preferred_date", body.text("preferred_date")?),
        requested_time: {
            let start = body.text("time_slot_start")?.map(RequestedTimeField::Start);
            let text = body.text("preferred_time")?.map(RequestedTimeField::Text);
            let period = body.text("period")?.map(RequestedTimeField::Period);
            start
                .or(text)
                .or(period)
                .unwrap_or_else(|| RequestedTimeField::Text(take("preferred_time", None)))
        },
    };
    if missing.is_empty() {
        return Ok(fields);
    }
    Err(Problem::missing_fields(missing))
}

fn requested_time(field: RequestedTimeField) -> Result<(RequestedTime, String), Problem> {
    match field {
        RequestedTimeField::Start(start) => {
            let time: ClockTime =
                start.trim().parse().map_err(|_| Problem::field(Code::InvalidTime, "time_slot_start"))?;
            Ok((RequestedTime::At(time), time.to_string()))
        }
        RequestedTimeField::Text(text) => {
            let text = text::line("preferred_time", text, MAX_REQUESTED_TIME)?;
            Ok((RequestedTime::Text(text.clone()), text))
        }
        RequestedTimeField::Period(period) => {
            let period: Period = parse_value(&period, Code::InvalidPeriod, "period")?;
            Ok((RequestedTime::Period(period), period.korean().to_owned()))
        }
    }
}

fn parse_value<T: std::str::FromStr>(text: &str, code: Code, field: &'static str) -> Result<T, Problem> {
    text.trim().parse().map_err(|_| Problem::field(code, field))
}

fn date(field: &'static str, text: &str) -> Result<NaiveDate, Problem> {
    query::parse_date(text.trim()).ok_or_else(|| Problem::field(Code::InvalidDateFormat, field))
}

/// A valid phone number.
pub(in crate::public) fn phone(region: Region, text: &str) -> Result<Phone, Problem> {
    let fits = text.trim().chars().nth(MAX_PHONE).is_none();
    let phone = fits.then(|| Phone::parse_in(region, text).ok()).flatten();
    phone.ok_or_else(|| Problem::field(Code::InvalidPhone, "phone"))
}

/// A valid birth date, not in the future.
pub(in crate::public) fn birth_date(text: &str, today: NaiveDate) -> Result<NaiveDate, Problem> {
    use chrono::Datelike;
    let birth_date = date("birth_date", text)?;
    if birth_date > today || birth_date.year() < FIRST_BIRTH_YEAR {
        return Err(Problem::field(Code::InvalidDateFormat, "birth_date"));
    }
    Ok(birth_date)
}

fn email(text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = text.as_deref().map(str::trim) else { return Ok(None) };
    if text::is_email(text) {
        Ok(Some(text.to_owned()))
    } else {
        Err(Problem::field(Code::InvalidEmail, "email"))
    }
}
