//! `GET /api/public/reservations/availability?date=&serviceType=`, and its still older form `?date=&service=`.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use daybook_domain::catalog::Service;
use daybook_domain::rules::Day;
use daybook_projections::Question;
use serde::Serialize;

use super::openings::{self, Availability, Level, Slot};
use super::service_choice;
use crate::edge::query::{Query, required};
use crate::edge::{RequestContext, answer};
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::texts::{Language, Said, said};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rich<'a> {
    date: NaiveDate,
    service_type: &'a str,
    service_name: &'a str,
    available: bool,
    available_slots: usize,
    total_slots: usize,
    level: Level,
    message: &'static str,
    slots: Vec<Slot>,
}

/// The old form: so many bookings of so many that the day may hold.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Count {
    available: bool,
    remaining: usize,
    current_count: usize,
    limit: usize,
    level: Level,
    message: &'static str,
}

/// Whether a day has room for a service: its times, or, for the oldest clients, a count.
pub(crate) async fn show_availability(
    state: web::Data<State>,
    edge: RequestContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request)?;
    let date = required("date", query.date("date")?)?;
    let (rich, counted) = (query.text("serviceType"), query.text("service"));
    let wanted = required("serviceType", rich.or(counted))?;
    let now = state.commands.now_local();
    if let Some(problem) = service_choice::search_problem(date, now) {
        return Err(problem);
    }
    let route = edge.route(&state, None).await?;
    edge.ask_other(&state, || Some(Question::Days { from: date, to: date }));
    let days = state.queries.days(route.generation, date, date).await?;
    let service = service_choice::bookable(&days.value.catalog, wanted)?;
    let day = openings::day(&days.value, date, now).ok_or_else(|| Problem::of(Code::Internal))?;
    let openings = Availability::of(&day, service, route.model());
    if rich.is_some() {
        let is_open = openings::is_open(&day, service);
        return answer::viewed(&days, &rich_form(openings, service, date, is_open, edge.language));
    }
    answer::viewed(&days, &count_form(&openings, service, &day, edge.language))
}

fn rich_form<'a>(
    openings: Availability,
    service: &'a Service,
    date: NaiveDate,
    is_open: bool,
    language: Language,
) -> Rich<'a> {
    let level = openings.level();
    Rich {
        date,
        service_type: &service.code,
        service_name: &service.name,
        available: openings.available > 0,
        available_slots: openings.available,
        total_slots: openings.slots.len(),
        level,
        message: said(language, if is_open { level.said() } else { Said::ClinicClosed }),
        slots: openings.slots,
    }
}

/// Counts what the day may still hold. Where no limit is applied, the day's times are the limit; where no time is left,
/// nothing is.
fn count_form(openings: &Availability, service: &Service, day: &Day<'_>, language: Language) -> Count {
    let held = |booking: &&daybook_domain::schedule::Booking| {
        booking.service == service.id && booking.status.holds_seat()
    };
    let current_count = day.book.bookings().map(|(_, booking)| booking).filter(held).count();
    let applied = service.limit.filter(|limit| limit.is_active);
    let limit = applied.map_or(openings.slots.len(), |limit| limit.daily_limit as usize);
    let left = limit.saturating_sub(current_count);
    let remaining = match (openings.available, applied) {
        (0, _) => 0,
        (_, Some(_)) => left,
        (available, None) => available,
    };
    let is_open = openings::is_open(day, service);
    let level = Level::of(remaining, limit);
    let message = said(language, if is_open { level.said() } else { Said::ClinicClosed });
    Count { available: remaining > 0, remaining, current_count, limit, level, message }
}
