//! Closures in staff requests and responses.

use chrono::NaiveDate;
use daybook_commands::{IdempotencyKey, NewClosure};
use daybook_domain::time::Span;
use daybook_domain::{ClockTime, Period, ServiceId};
use daybook_projections::query::{ClosedTime, Days};
use serde::{Deserialize, Serialize};

use crate::problem::{Code, Problem};
use crate::public::find_service;
use crate::request::{query, text};

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// The length in minutes of a closure without an end: one step of the clinic's slots.
const SLOT_MINUTES: u32 = 30;

/// The body of a request to close time.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClosureRequest {
    date: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    period: Option<String>,
    service_id: Option<String>,
    service: Option<String>,
    reason: Option<String>,
    pub(super) action: Option<String>,
}

impl ClosureRequest {
    pub(super) fn date(&self) -> Result<NaiveDate, Problem> {
        let date = query::required("date", self.date.as_deref())?;
        query::parse_date(date.trim()).ok_or_else(|| Problem::field(Code::InvalidDateFormat, "date"))
    }

    /// Resolves the service and the period with a view of the day.
    pub(super) fn into_closure(
        self,
        days: &Days,
        date: NaiveDate,
        key: Option<IdempotencyKey>,
    ) -> Result<NewClosure, Problem> {
        let span = self.span(days, date)?;
        let id_or_code = self.service_id.or(self.service);
        let service = match id_or_code.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => {
                let found = find_service(&days.catalog, text).map(|service| service.id.clone());
                Some(found.ok_or_else(|| Problem::field(Code::UnknownService, "serviceId"))?)
            }
            None => None,
        };
        let reason = text::optional_prose("reason", self.reason, MAX_REASON)?;
        Ok(NewClosure { key, span, service, reason })
    }

    fn span(&self, days: &Days, date: NaiveDate) -> Result<Span, Problem> {
        let start = clock_time("startTime", &self.start_time)?;
        let end = clock_time("endTime", &self.end_time)?;
        match (start, end, self.period.as_deref()) {
            (Some(start), Some(end), _) if start < end => Ok(Span { start, end }),
            (Some(_), Some(_), _) => Err(Problem::new(Code::ClosureEmpty)),
            (Some(start), None, _) => Ok(Span::from_start(start, SLOT_MINUTES)),
            (None, _, Some(period)) => {
                let period = period.parse().map_err(|_| Problem::field(Code::InvalidPeriod, "period"))?;
                period_span(days, date, period).ok_or_else(|| Problem::new(Code::NoClinicHours))
            }
            (None, _, None) => Err(Problem::missing_fields(vec!["startTime"])),
        }
    }
}

fn clock_time(field: &'static str, text: &Option<String>) -> Result<Option<ClockTime>, Problem> {
    let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|_| Problem::field(Code::InvalidTime, field))).transpose()
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
