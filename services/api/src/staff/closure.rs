//! Closures in staff requests and responses.

use chrono::NaiveDate;
use daybook_commands::{IdempotencyKey, NewClosure};
use daybook_domain::catalog::Catalog;
use daybook_domain::time::Span;
use daybook_domain::value;
use daybook_domain::{ClockTime, Period, ServiceId};
use daybook_projections::query::{ClosedTime, Days};
use serde::Serialize;

use crate::problem::{Code, Problem};
use crate::request::form::Form;

/// The length in minutes of a closure without an end: one step of the clinic's slots.
const SLOT_MINUTES: u32 = 30;

/// A request to close time.
pub(super) struct ClosureRequest {
    pub(super) date: NaiveDate,
    time: ClosedSpan,
    /// Id or code, with the field that names it.
    service: Option<(&'static str, String)>,
    reason: Option<Box<str>>,
    pub(super) action: Action,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Action {
    #[default]
    Close,
    /// Only to list the bookings in the time.
    CheckConflict,
}

impl Action {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "close" | "create" => Some(Self::Close),
            "check-conflict" => Some(Self::CheckConflict),
            _ => None,
        }
    }
}

/// The requested time: a span, or a half-day of the clinic's hours.
enum ClosedSpan {
    Span(Span),
    Period(Period),
}

impl ClosureRequest {
    pub(super) fn parse(mut form: Form) -> Result<Self, Problem> {
        let action = form.parsed("action", Code::InvalidAction, None, Action::parse).unwrap_or_default();
        let date = form.date("date", value::CLINIC_DAYS);
        let date = form.required("date", date);
        let start: Option<ClockTime> =
            form.parsed("startTime", Code::InvalidTime, None, |text| text.parse().ok());
        let end = form.parsed("endTime", Code::InvalidTime, None, |text| text.parse().ok());
        let period = form.parsed("period", Code::InvalidPeriod, None, |text| text.parse().ok());
        let time = match (start, end, period) {
            (Some(start), Some(end), _) => Some(ClosedSpan::Span(Span { start, end })),
            (Some(start), None, _) => Some(ClosedSpan::Span(Span::from_start(start, SLOT_MINUTES))),
            (None, _, Some(period)) => Some(ClosedSpan::Period(period)),
            (None, _, None) => None,
        };
        let time = if form.is_wrong("period") { time } else { form.required("startTime", time) };
        let service = form.either("serviceId", "service");
        let reason = form.text("reason", value::REASON);
        form.finish()?;
        let (Some(date), Some(time)) = (date, time) else { return Err(Problem::new(Code::MissingFields)) };
        Ok(Self { date, time, service, reason, action })
    }

    /// Resolves the period with a view of the day, and the service with the catalog: a service that the view lacks can be
    /// closed too.
    pub(super) fn into_closure(
        self,
        days: &Days,
        catalog: &Catalog,
        key: Option<IdempotencyKey>,
    ) -> Result<NewClosure, Problem> {
        let span = match self.time {
            ClosedSpan::Span(span) if span.start >= span.end => return Err(Problem::closure_empty()),
            ClosedSpan::Span(span) => span,
            ClosedSpan::Period(period) => period_span(days, self.date, period)
                .ok_or_else(|| Problem::field(Code::NoClinicHours, "period"))?,
        };
        let service = match self.service {
            Some((field, text)) => {
                let found = catalog.find(text.trim()).map(|service| service.id.clone());
                Some(found.ok_or_else(|| Problem::field(Code::UnknownService, field))?)
            }
            None => None,
        };
        Ok(NewClosure { key, span, service, reason: self.reason })
    }
}

/// From the first to the last minute of a period's hours.
fn period_span(days: &Days, date: NaiveDate, period: Period) -> Option<Span> {
    let spans = || days.hours.on(date).filter(|slot| slot.period == period).map(|slot| slot.span);
    let start = spans().map(|span| span.start).min()?;
    Some(Span { start, end: spans().map(|span| span.end).max()? })
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
    pub(super) fn new(date: NaiveDate, closed: &'a ClosedTime) -> Self {
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
