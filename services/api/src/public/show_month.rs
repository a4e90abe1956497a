//! `GET /api/public/reservation-status?year=&month=`: which days of a month can still be booked.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{Months, NaiveDate};
use daybook_domain::catalog::Service;
use daybook_domain::rules::{self, Day};
use daybook_domain::schedule::Booking;
use daybook_domain::value::{Numbers, Unit};
use daybook_domain::{ClockTime, ReadModel, ServiceId};
use daybook_projections::Question;
use serde::Serialize;

use super::availability;
use super::find_service::active_service;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::state::State;

/// Allowed years.
const YEARS: Numbers = Numbers { min: 2000, max: 2100, unit: Unit::Count };

/// The months of a year.
const MONTHS: Numbers = Numbers { min: 1, max: 12, unit: Unit::Count };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum DayStatus {
    Available,
    Full,
    Closed,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DayResponse {
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
struct MonthResponse {
    success: bool,
    year: u32,
    month: u32,
    days: Vec<DayResponse>,
    summary: Summary,
}

/// Shows the days of a month, for one service or for all of them.
pub(crate) async fn show_month(
    state: web::Data<State>,
    context: RequestContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::from_query(&request)?;
    let year = number(&mut form, "year", YEARS);
    let month = number(&mut form, "month", MONTHS);
    let service = form.string("service");
    form.finish_ignoring_unknown()?;
    let (year, month) = year.zip(month).ok_or_else(|| Problem::new(Code::MissingFields))?;
    let (first, last) = month_of(year, month).ok_or_else(|| Problem::new(Code::InvalidDate))?;
    let now = state.commands.now();
    let route = context.route(&state, None).await?;
    context.sample_shadow_read(&state, || Some(Question::Days { from: first, to: last }));
    let days = state.queries.days(route.generation, first, last).await?;
    let selected = match service.as_deref() {
        Some(service) => Some(active_service(&days.value.catalog, ("service", service))?),
        None => None,
    };
    let bookable = || days.value.catalog.in_order().into_iter().filter(|service| service.is_active).collect();
    let services = selected.map_or_else(bookable, |service| vec![service]);
    let dates = days.value.sheets.keys();
    let dates = dates.filter_map(|date| availability::day(&days.value, *date, now));
    let month_days: Vec<_> =
        dates.map(|day| day_response(&day, (&services, selected), route.model())).collect();
    let summary = summary(&month_days);
    response::from_view(&days, &MonthResponse { success: true, year, month, days: month_days, summary })
}

/// A parameter that has to be there.
fn number(form: &mut Form, name: &'static str, allowed: Numbers) -> Option<u32> {
    let in_range = |text: &str| text.parse().ok().filter(|number| allowed.check(*number).is_ok());
    let number = form.parsed(name, Code::InvalidDate, Some(allowed.range()), in_range);
    form.required(name, number)
}

fn month_of(year: u32, month: u32) -> Option<(NaiveDate, NaiveDate)> {
    let first = NaiveDate::from_ymd_opt(year.try_into().ok()?, month, 1)?;
    Some((first, first.checked_add_months(Months::new(1))?.pred_opt()?))
}

/// A start time is free if any of the services can be booked at it. Bookings of a service that cannot be booked any more
/// count too, unless another one is selected.
fn day_response(
    day: &Day<'_>,
    (services, selected): (&[&Service], Option<&Service>),
    read_model: ReadModel,
) -> DayResponse {
    let mut starts: BTreeMap<ClockTime, bool> = BTreeMap::new();
    if rules::check_date(day.schedule.date, day.now.today()).is_ok() {
        for slot in services.iter().flat_map(|service| rules::time_slots(day, service, read_model.into())) {
            *starts.entry(slot.start).or_default() |= slot.refusal.is_none();
        }
    }
    let available_slots = starts.values().filter(|is_free| **is_free).count();
    let status = match (starts.len(), available_slots) {
        (0, _) => DayStatus::Closed,
        (_, 0) => DayStatus::Full,
        (_, _) => DayStatus::Available,
    };
    let is_selected = |id: &ServiceId| selected.is_none_or(|service| service.id == *id);
    let holds_seat = |booking: &Booking| booking.status.holds_seat() && is_selected(&booking.service);
    let reservations = day.schedule.bookings().filter(|(_, booking)| holds_seat(booking)).count();
    DayResponse { date: day.schedule.date, status, total_slots: starts.len(), available_slots, reservations }
}

fn summary(days: &[DayResponse]) -> Summary {
    days.iter().fold(Summary::default(), |mut summary, day| {
        match day.status {
            DayStatus::Available => summary.available += 1,
            DayStatus::Full => summary.full += 1,
            DayStatus::Closed => summary.closed += 1,
        }
        summary.total_reservations += day.reservations;
        summary
    })
}
