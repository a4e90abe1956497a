//! A closure as staff ask for it and see it.

use chrono::NaiveDate;
use daybook_domain::time::Span;
use daybook_domain::{ClockTime, Period, ServiceId};
use daybook_projections::query::{ClosedTime, Days};
use serde::{Deserialize, Serialize};

use crate::edge::{query, text};
use crate::problem::{Code, Details, Problem};
use crate::public::find_service;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// Minutes that a closure lasts of which only the start is said: one step of the clinic's slots.
const SLOT_MINUTES: u32 = 30;

/// A closure to be, as it is sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sent {
    date: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    period: Option<String>,
    service_id: Option<String>,
    service: Option<String>,
    reason: Option<String>,
    pub(super) action: Option<String>,
}

/// A closure to be, read.
pub(super) struct Wanted {
    pub(super) date: NaiveDate,
    pub(super) span: Span,
    pub(super) service: Option<ServiceId>,
    pub(super) reason: Option<Box<str>>,
}

impl Sent {
    /// The day it is about.
    pub(super) fn date(&self) -> Result<NaiveDate, Problem> {
        let date = query::required("date", self.date.as_deref())?;
        query::date(date.trim()).ok_or_else(|| Problem::field(Code::InvalidDateFormat, "date"))
    }

    /// Reads it against the day that a view has of it.
    pub(super) fn read(self, days: &Days) -> Result<Wanted, Problem> {
        let date = self.date()?;
        let span = self.span(days, date)?;
        let named = self.service_id.or(self.service);
        let service = match named.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => {
                let found = find_service(&days.catalog, text).map(|service| service.id.clone());
                Some(found.ok_or_else(|| Problem::field(Code::UnknownService, "serviceId"))?)
            }
            None => None,
        };
        let reason = self.reason.filter(|reason| !reason.trim().is_empty());
        let reason = reason.map(|reason| text::prose("reason", reason, MAX_REASON)).transpose()?;
        Ok(Wanted { date, span, service, reason: reason.map(Into::into) })
    }

    fn span(&self, days: &Days, date: NaiveDate) -> Result<Span, Problem> {
        let (start, end) = (clock("startTime", &self.start_time)?, clock("endTime", &self.end_time)?);
        match (start, end, self.period.as_deref()) {
            (Some(start), Some(end), _) if start < end => Ok(Span { start, end }),
            (Some(_), Some(_), _) => Err(Problem::of(Code::ClosureEmpty)),
            (Some(start), None, _) => Ok(Span::from_start(start, SLOT_MINUTES)),
            (None, _, Some(period)) => {
                let period = period.parse().map_err(|_| Problem::field(Code::InvalidPeriod, "period"))?;
                period_span(days, date, period).ok_or_else(|| Problem::of(Code::NoClinicHours))
            }
            (None, _, None) => {
                Err(Problem::with(Code::MissingFields, Details::Fields { fields: vec!["startTime"] }))
            }
        }
    }
}

fn clock(field: &'static str, text: &Option<String>) -> Result<Option<ClockTime>, Problem> {
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
pub(super) struct Entry<'a> {
    pub(super) id: &'a str,
    pub(super) date: NaiveDate,
    pub(super) start_time: ClockTime,
    pub(super) end_time: ClockTime,
    pub(super) service_id: Option<&'a ServiceId>,
    pub(super) reason: Option<&'a str>,
    pub(super) created_by: &'a str,
}

impl<'a> Entry<'a> {
    /// As a view has it.
    pub(super) fn of(date: NaiveDate, closed: &'a ClosedTime) -> Self {
        Self {
            id: closed.id.as_str(),
            date,
            start_time: closed.closure.span.start,
            end_time: closed.closure.span.end,
            service_id: closed.closure.service.as_ref(),
            reason: closed.closure.reason.as_deref(),
            created_by: &closed.created_by,
        }
    }
}
