//! Parses and validates the booking form that a client sends. Later code does not validate it again.

use chrono::NaiveDate;
use daybook_commands::RequestedTime;
use daybook_domain::catalog::Catalog;
use daybook_domain::phone::{Phone, Region, without_invisible};
use daybook_domain::value;
use daybook_domain::{ClockTime, Gender, Period, ServiceId, TreatmentType};
use daybook_vault::PatientDetails;

use crate::problem::{Code, FieldFault, Problem};
use crate::request::form::Form;
use crate::request::json::Object;
use crate::request::query::parse_date;
use crate::request::text;

/// A valid booking form.
#[derive(Debug)]
pub(super) struct BookingForm {
    pub(super) details: PatientDetails,
    pub(super) phone: Phone,
    pub(super) service: ServiceId,
    /// The field that names it.
    pub(super) service_field: &'static str,
    pub(super) date: NaiveDate,
    pub(super) requested_time: RequestedTime,
    /// The requested time as the response repeats it.
    pub(super) requested_time_text: String,
}

/// Parses the form. A problem names every wrong field.
pub(super) fn parse(
    body: Object,
    region: Region,
    catalog: &Catalog,
    today: NaiveDate,
) -> Result<BookingForm, Problem> {
    let mut form = Form::new(body);
    let name = form.string("patient_name").map(|name| name.trim().to_owned());
    let name = form.required("patient_name", name);
    let name = name.filter(|name| form.checked("patient_name", name, value::PATIENT_NAME));
    let phone_text = form.string("phone").map(|text| text.trim().to_owned());
    let phone_text = form.required("phone", phone_text);
    let phone = phone_text.as_deref().and_then(|text| form.accept(phone(region, text)));
    let birth_date_text = form.string("birth_date");
    let birth_date_text = form.required("birth_date", birth_date_text);
    let birth_date = birth_date_text.and_then(|text| form.accept(birth_date(&text, today)));
    let gender = form.parsed("gender", Code::InvalidGender, None, |text| text.parse::<Gender>().ok());
    let gender = form.required("gender", gender);
    let treatment = form.parsed("treatment_type", Code::InvalidTreatmentType, None, |text| text.parse().ok());
    let treatment: Option<TreatmentType> = form.required("treatment_type", treatment);
    let named = form.either("service_id", "service");
    let service = form.required("service", named).and_then(|(field, text)| {
        let found = catalog.find(text.trim()).map(|service| (service.id.clone(), field));
        form.accept(found.ok_or_else(|| FieldFault::new(field, Code::UnknownService)))
    });
    let date = form.parsed("preferred_date", Code::InvalidDateFormat, None, parse_date);
    let date = form.required("preferred_date", date);
    let requested_time = requested_time(&mut form);
    let email =
        form.parsed("email", Code::InvalidEmail, None, |text| text::is_email(text).then(|| text.into()));
    let notes = form.text("notes", value::NOTES);
    form.finish_ignoring_unknown()?;
    let (Some(patient_name), Some(phone), Some(phone_text)) = (name, phone, phone_text) else {
        return Err(Problem::new(Code::MissingFields));
    };
    let (Some(birth_date), Some(gender), Some(treatment_type)) = (birth_date, gender, treatment) else {
        return Err(Problem::new(Code::MissingFields));
    };
    let (Some((service, service_field)), Some(date), Some((requested_time, requested_time_text))) =
        (service, date, requested_time)
    else {
        return Err(Problem::new(Code::MissingFields));
    };
    let details = PatientDetails {
        patient_name: patient_name.into(),
        phone: without_invisible(&phone_text).into(),
        email,
        birth_date,
        gender,
        treatment_type,
        notes: notes.map(Into::into),
        admin_note: None,
        unread_wish: None,
    };
    Ok(BookingForm { details, phone, service, service_field, date, requested_time, requested_time_text })
}

/// The most precise field for the time that the form contains, with the text that the response repeats.
fn requested_time(form: &mut Form) -> Option<(RequestedTime, String)> {
    if form.has("time_slot_start") {
        let start = form.parsed("time_slot_start", Code::InvalidTime, None, |text| text.parse().ok());
        if let Some(start) = start {
            let start: ClockTime = start;
            return Some((RequestedTime::At(start), start.to_string()));
        }
    }
    if let Some(text) = form.text("preferred_time", value::REQUESTED_TIME) {
        return Some((RequestedTime::Text(text.clone().into()), text.into()));
    }
    let period = form.parsed("period", Code::InvalidPeriod, None, |text| text.parse().ok());
    let chosen = period.map(|period: Period| (RequestedTime::Period(period), period.korean().to_owned()));
    let is_wrong = form.is_wrong("time_slot_start") || form.is_wrong("period");
    if is_wrong { chosen } else { form.required("preferred_time", chosen) }
}

/// A valid phone number.
pub(in crate::public) fn phone(region: Region, text: &str) -> Result<Phone, FieldFault> {
    let fits = value::PHONE.check(&without_invisible(text.trim())).is_ok();
    let phone = fits.then(|| Phone::parse_in(region, text).ok()).flatten();
    phone.ok_or_else(|| FieldFault::new("phone", Code::InvalidPhone))
}

/// A valid birth date, not in the future.
pub(in crate::public) fn birth_date(text: &str, today: NaiveDate) -> Result<NaiveDate, FieldFault> {
    let allowed = value::birth_dates(today);
    let fault = || FieldFault {
        range: Some(allowed.range()),
        ..FieldFault::new("birth_date", Code::InvalidDateFormat)
    };
    parse_date(text.trim()).filter(|date| allowed.contains(*date)).ok_or_else(fault)
}
