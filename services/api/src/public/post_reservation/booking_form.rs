//! Parses and validates the booking form that a client sends. Later code does not validate it again.

use chrono::NaiveDate;
use daybook_commands::RequestedTime;
use daybook_domain::catalog::Catalog;
use daybook_domain::hours::Hours;
use daybook_domain::phone::{InvalidPhone, Phone, Region, without_invisible};
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::value;
use daybook_domain::{ClockTime, Gender, Period, ServiceId, TreatmentType};
use daybook_vault::PatientDetails;

use crate::problem::{Code, FieldFault, Problem, RequestFields};
use crate::public::service_field;
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
    pub(super) requested_time: TimeFields,
}

/// The time fields of a form. The most precise one counts.
#[derive(Debug)]
pub(super) struct TimeFields {
    pub(super) requested_time: RequestedTime,
    /// The requested time as the response repeats it.
    pub(super) text: String,
    /// A half-day beside a clock time.
    pub(super) stated_period: Option<Period>,
    /// A text beside a clock time that says nothing about it.
    pub(super) unread_text: Option<String>,
    /// The name of the field that counts, and of the one with the half-day.
    names: [&'static str; 2],
}

impl BookingForm {
    /// What the form calls the values that are decided.
    pub(super) const fn fields(&self) -> RequestFields {
        let [time, period] = self.requested_time.names;
        RequestFields { date: "preferred_date", time, period, service: self.service_field }
    }
}

/// Parses the form. A problem names every wrong field.
pub(super) fn parse(
    body: Object,
    region: Region,
    (catalog, hours): (&Catalog, &Hours),
    today: NaiveDate,
) -> Result<BookingForm, Problem> {
    let mut form = Form::new(body);
    let name = form.string("patient_name").map(|name| name.trim().to_owned());
    let name = form.required("patient_name", name);
    let name = name.filter(|name| form.checked("patient_name", name, value::PATIENT_NAME));
    let phone_text = form.string("phone").map(|text| text.trim().to_owned());
    let phone_text = form.required("phone", phone_text);
    let phone =
        phone_text.as_deref().and_then(|text| form.accept(phone(text, |text| Phone::parse_in(region, text))));
    let birth_date_text = form.string("birth_date");
    let birth_date_text = form.required("birth_date", birth_date_text);
    let birth_date = birth_date_text.and_then(|text| form.accept(birth_date(&text, today)));
    let gender = form.parsed("gender", Code::InvalidGender, None, |text| text.parse::<Gender>().ok());
    let gender = form.required("gender", gender);
    let treatment = form.parsed("treatment_type", Code::InvalidTreatmentType, None, |text| text.parse().ok());
    let treatment: Option<TreatmentType> = form.required("treatment_type", treatment);
    let service = service_field(&mut form, catalog, "service_id", "service");
    let service = if form.is_wrong("service_id") { service } else { form.required("service", service) };
    let date = form.parsed("preferred_date", Code::InvalidDateFormat, None, parse_date);
    let date = form.required("preferred_date", date);
    let requested_time = requested_time(&mut form, hours);
    let email = form.string("email").and_then(|text| form.accept(email(text.trim())).map(Into::into));
    let notes = form.text("notes", value::NOTES);
    form.finish_ignoring_unknown()?;
    let (Some(patient_name), Some(phone), Some(phone_text)) = (name, phone, phone_text) else {
        return Err(Problem::new(Code::MissingFields));
    };
    let (Some(birth_date), Some(gender), Some(treatment_type)) = (birth_date, gender, treatment) else {
        return Err(Problem::new(Code::MissingFields));
    };
    let (Some((service, service_field)), Some(date), Some(requested_time)) = (service, date, requested_time)
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
    Ok(BookingForm { details, phone, service, service_field, date, requested_time })
}

/// The most precise field for the time that the form contains. Less precise ones must not contradict it; whether a
/// half-day contains a clock time depends on the clinic's hours, so the day schedule decides that.
fn requested_time(form: &mut Form, hours: &Hours) -> Option<TimeFields> {
    let (at, spelled, half) = ("time_slot_start", "preferred_time", "period");
    let start: Option<ClockTime> = form.parsed(at, Code::InvalidTime, None, |text| text.parse().ok());
    let text = form.text(spelled, value::REQUESTED_TIME);
    let period: Option<Period> = form.parsed(half, Code::InvalidPeriod, None, |text| text.parse().ok());
    let offered = text.as_deref().and_then(|text| requested_time::parse_offered(text, hours));
    let text = match (text, period) {
        (Some(text), Some(period)) if start.or(offered).is_none() => {
            Some(in_half_day(&text, period)).filter(|text| form.checked(spelled, text, value::REQUESTED_TIME))
        }
        (text, _) => text.map(Into::into),
    };
    let named = offered.map(ParsedTime::At).or_else(|| text.as_deref().map(requested_time::parse));
    let (named_start, named_period) = match named {
        Some(ParsedTime::At(start)) => (Some(start), None),
        Some(ParsedTime::Period(period)) => (None, Some(period)),
        Some(ParsedTime::Ambiguous(_)) | None => (None, None),
    };
    let is_unread = matches!(named, Some(ParsedTime::Ambiguous(_)));
    let unread_text = text.clone().filter(|_| is_unread && start.is_some());
    let is_other = |start| match &unread_text {
        Some(text) => cannot_mean(text, start),
        None => named_start.is_some_and(|named| start != named),
    };
    if start.is_some_and(is_other) {
        form.contradiction(at, spelled);
    }
    if named_period.zip(period).is_some_and(|(named, period)| named != period) {
        form.contradiction(spelled, half);
    }
    let (requested_time, repeated, time) = match (start.or(offered), text, period) {
        (Some(time), ..) => {
            let field = if start.is_some() { at } else { spelled };
            (RequestedTime::At(time), time.to_string(), field)
        }
        (None, Some(text), _) => (RequestedTime::Text(text.clone()), text, spelled),
        (None, None, Some(period)) => (RequestedTime::Period(period), period.korean().to_owned(), half),
        (None, None, None) => {
            if ![at, spelled, half].into_iter().any(|field| form.is_wrong(field)) {
                form.fault(spelled, Code::MissingFields, None);
            }
            return None;
        }
    };
    let has_clock_time = start.or(named_start).is_some();
    let stated_period = period.or(named_period).filter(|_| has_clock_time);
    let names = [time, if period.is_some() { half } else { spelled }];
    Some(TimeFields { requested_time, text: repeated, stated_period, unread_text, names })
}

/// The text with a half-day that was sent beside it, if it needs that to be read, by the grammar or by a person.
fn in_half_day(text: &str, period: Period) -> String {
    match requested_time::parse(text) {
        ParsedTime::Ambiguous(_) => format!("{} {text}", period.korean()),
        ParsedTime::At(_) | ParsedTime::Period(_) => text.to_owned(),
    }
}

/// Whether a text is a time in either half of the day, and none of them is this one.
fn cannot_mean(text: &str, start: ClockTime) -> bool {
    let readings = Period::ALL.iter().map(|period| requested_time::parse(&in_half_day(text, *period)));
    let mut times = readings.filter(|reading| matches!(reading, ParsedTime::At(_))).peekable();
    times.peek().is_some() && !times.any(|time| time == ParsedTime::At(start))
}

/// A valid e-mail address.
fn email(text: &str) -> Result<String, FieldFault> {
    let fault = || FieldFault::new("email", Code::InvalidEmail);
    match value::EMAIL.check(text) {
        Err(range) if text.chars().count() > value::EMAIL.max => Err(fault().with_range(range)),
        Ok(()) | Err(_) => text::is_email(text).then(|| text.into()).ok_or_else(fault),
    }
}

/// A valid phone number, parsed as for a booking or as for a lookup.
pub(in crate::public) fn phone(
    text: &str,
    parse: impl FnOnce(&str) -> Result<Phone, InvalidPhone>,
) -> Result<Phone, FieldFault> {
    let fault = || FieldFault::new("phone", Code::InvalidPhone);
    value::PHONE.check(&without_invisible(text.trim())).map_err(|range| fault().with_range(range))?;
    parse(text).map_err(|_| fault())
}

/// A valid birth date, not in the future.
pub(in crate::public) fn birth_date(text: &str, today: NaiveDate) -> Result<NaiveDate, FieldFault> {
    let allowed = value::birth_dates(today);
    let fault = || FieldFault::new("birth_date", Code::InvalidDateFormat).with_range(allowed.range());
    parse_date(text.trim()).filter(|date| allowed.contains(*date)).ok_or_else(fault)
}
