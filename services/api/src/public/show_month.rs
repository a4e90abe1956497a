//! `GET /api/public/reservation-status?year=&month=`

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{Months, NaiveDate, NaiveDateTime};
use daybook_domain::catalog::Service;
use daybook_domain::rules::{self, Day};
use daybook_domain::{ClockTime, ReadModel};
use daybook_projections::Question;
use daybook_projections::query::Days;
use serde::Serialize;

use super::{openings, service_choice};
use crate::edge::query::{Query, required};
use crate::edge::{RequestContext, answer};
use crate::problem::{Code, Problem};
use crate::state::State;

/// Years for which a month can be asked.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum DayStatus {
    Available,
    Full,
    Closed,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DayEntry {
    date: NaiveDate,
    status: DayStatus,
    total_slots: usize,
    available_slots: usize,
    reservations: usize,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    available: usize,
    full: usize,
    closed: usize,
    total_reservations: usize,
}

#[derive(Serialize)]
struct Body {
    success: bool,
    year: i32,
    month: u32,
    days: Vec<DayEntry>,
    summary: Summary,
}

/// The days of a month: which can still be booked, for any service or for one.
pub(crate) async fn show_month(
    state: web::Data<State>,
    edge: RequestContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request)?;
    let known_year = |text: &str| text.parse().ok().filter(|year| YEARS.contains(year));
    let year = required("year", query.read("year", Code::InvalidDate, known_year)?)?;
    let month: u32 = required("month", query.read("month", Code::InvalidDate, |text| text.parse().ok())?)?;
    let (first, last) = month_of(year, month).ok_or_else(|| Problem::field(Code::InvalidDate, "month"))?;
    let now = state.commands.now_local();
    let route = edge.route(&state, None).await?;
    edge.ask_other(&state, || Some(Question::Days { from: first, to: last }));
    let days = state.queries.days(route.generation, first, last).await?;
    let services: Vec<&Service> = match query.text("service") {
        Some(wanted) => vec![service_choice::bookable(&days.value.catalog, wanted)?],
        None => days.value.catalog.in_order().into_iter().filter(|service| service.is_active).collect(),
    };
    let entries = entries(&days.value, &services, now, route.model());
    let summary = summary(&entries);
    answer::viewed(&days, &Body { success: true, year, month, days: entries, summary })
}

fn month_of(year: i32, month: u32) -> Option<(NaiveDate, NaiveDate)> {
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    Some((first, first.checked_add_months(Months::new(1))?.pred_opt()?))
}

fn entries(days: &Days, services: &[&Service], now: NaiveDateTime, judge: ReadModel) -> Vec<DayEntry> {
    let dates = days.sheets.keys();
    let entry = |date: &NaiveDate| openings::day(days, *date, now).map(|day| entry(&day, services, judge));
    dates.filter_map(entry).collect()
}

/// A start counts as free where any of the services can be booked at it.
fn entry(day: &Day<'_>, services: &[&Service], judge: ReadModel) -> DayEntry {
    let mut starts: BTreeMap<ClockTime, bool> = BTreeMap::new();
    if service_choice::search_problem(day.book.date, day.now).is_none() && day.book.date >= day.now.date() {
        for offer in services.iter().flat_map(|service| rules::offers(day, service, judge)) {
            *starts.entry(offer.start).or_default() |= offer.refusal.is_none();
        }
    }
    let available_slots = starts.values().filter(|is_free| **is_free).count();
    let status = match (starts.len(), available_slots) {
        (0, _) => DayStatus::Closed,
        (_, 0) => DayStatus::Full,
        (_, _) => DayStatus::Available,
    };
    let wanted = |service: &daybook_domain::ServiceId| services.iter().any(|one| one.id == *service);
    let held = day.book.bookings().filter(|(_, b)| b.status.holds_seat() && wanted(&b.service)).count();
    DayEntry { date: day.book.date, status, total_slots: starts.len(), available_slots, reservations: held }
}

fn summary(entries: &[DayEntry]) -> Summary {
    entries.iter().fold(Summary::default(), |mut summary, day| {
        match day.status {
            DayStatus::Available => summary.available += 1,
            DayStatus::Full => summary.full += 1,
            DayStatus::Closed => summary.closed += 1,
        }
        summary.total_reservations += day.reservations;
        summary
    })
}
