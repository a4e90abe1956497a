//! Closures in staff requests and responses.

use chrono::NaiveDate;
use daybook_domain::catalog::Catalog;
use daybook_domain::schedule::ClosedTime;
use daybook_domain::time::Span;
use daybook_domain::value::{self, Range, Relation};
use daybook_domain::{ClockTime, ServiceId};
use daybook_projections::query;
use serde::Serialize;

use crate::problem::{Code, Format, Problem, RequestFields};
use crate::public::service_field;
use crate::request::form::Form;

/// The words for `action`.
const ACTIONS: &str = "close, create, check-conflict";

/// The length in minutes of a closure without an end: one step of the clinic's slots.
const SLOT_MINUTES: u32 = 30;

/// A request to close time.
pub(super) struct ClosureRequest {
    pub(super) date: NaiveDate,
    pub(super) time: ClosedTime,
    pub(super) service: Option<ServiceId>,
    /// The field that names the service.
    service_field: &'static str,
    pub(super) reason: Option<Box<str>>,
    pub(super) action: Action,
}

/// What to do with the requested time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Close,
    /// Only list the bookings in it.
    CheckConflict,
}

impl ClosureRequest {
    pub(super) fn parse(mut form: Form, catalog: &Catalog) -> Result<Self, Problem> {
        let date = form.date("date", value::CLINIC_DAYS);
        let date = form.required("date", date);
        let time = closed_time(&mut form);
        let service = service_field(&mut form, catalog, "serviceId", "service");
        let reason = form.text("reason", value::REASON);
        let action = match form.string("action").as_deref() {
            None | Some("close" | "create") => Some(Action::Close),
            Some("check-conflict") => Some(Action::CheckConflict),
            Some(_) => form.wrong_form("action", Code::InvalidAction, Format::OneOf(ACTIONS)),
        };
        form.finish()?;
        let (Some(date), Some(time), Some(action)) = (date, time, action) else {
            return Err(Problem::new(Code::MissingFields));
        };
        let (service, service_field) = service.unzip();
        let service_field = service_field.unwrap_or("serviceId");
        Ok(Self { date, time, service, service_field, reason, action })
    }

    /// What the request calls the values that are decided.
    pub(super) const fn fields(&self) -> RequestFields {
        let time = match self.time {
            ClosedTime::Span(_) => "startTime",
            ClosedTime::Period(_) => "period",
        };
        RequestFields { date: "date", time, period: "period", service: self.service_field }
    }
}

/// The time to close: a span or a half-day, never both, because nobody can tell which one is meant.
fn closed_time(form: &mut Form) -> Option<ClosedTime> {
    for field in ["startTime", "endTime"] {
        if form.has("period") && form.has(field) {
            form.contradiction("period", field);
        }
    }
    let start: Option<ClockTime> =
        form.parsed("startTime", Code::InvalidTime, None, |text| text.parse().ok());
    let end = form.parsed("endTime", Code::InvalidTime, None, |text| text.parse().ok());
    let period = form.parsed("period", Code::InvalidPeriod, None, |text| text.parse().ok());
    let time = match (start, end, period) {
        (Some(start), Some(end), _) => Some(ClosedTime::Span(Span { start, end })),
        (Some(start), None, _) => Some(ClosedTime::Span(Span::from_start(start, SLOT_MINUTES))),
        (None, _, Some(period)) => Some(ClosedTime::Period(period)),
        (None, _, None) => None,
    };
    if start.zip(end).is_some_and(|(start, end)| start >= end) {
        form.fault("endTime", Code::ClosureEmpty, Some(Range::Relation(Relation::LaterThanStart)));
    }
    if form.is_wrong("period") { time } else { form.required("startTime", time) }
}

/// A closure that is in force.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClosureResponse<'a> {
    pub(super) id: &'a str,
    pub(super) date: NaiveDate,
    pub(super) start_time: ClockTime,
    pub(super) end_time: ClockTime,
    pub(super) service_id: Option<&'a ServiceId>,
    pub(super) reason: Option<&'a str>,
    pub(super) created_by: &'a str,
    /// False in the answer to a repeated request whose closure was lifted meanwhile; otherwise left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_active: Option<bool>,
}

impl<'a> ClosureResponse<'a> {
    pub(super) fn new(date: NaiveDate, closed: &'a query::ClosedTime) -> Self {
        Self {
            id: closed.id.as_str(),
            date,
            start_time: closed.closure.span.start,
            end_time: closed.closure.span.end,
            service_id: closed.closure.service.as_ref(),
            reason: closed.closure.reason.as_deref(),
            created_by: &closed.created_by,
            is_active: None,
        }
    }
}
