//! `GET /api/public/reservations/time-slots?service=&date=`

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use daybook_projections::Question;
use serde::Serialize;

use super::openings::{self, Availability, Slot};
use super::service_choice;
use crate::edge::query::{Query, required};
use crate::edge::{RequestContext, answer};
use crate::problem::{Code, Problem};
use crate::state::State;

#[derive(Serialize)]
struct Body<'a> {
    success: bool,
    slots: Vec<Slot>,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    date: NaiveDate,
    service: &'a str,
    service_name: &'a str,
    total_slots: usize,
    available_slots: usize,
    booked_slots: usize,
}

/// The times of a day for a service, each with whether it can be booked.
pub(crate) async fn list_time_slots(
    state: web::Data<State>,
    edge: RequestContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request)?;
    let wanted = required("service", query.text("service"))?;
    let date = required("date", query.date("date")?)?;
    let now = state.commands.now_local();
    if let Some(problem) = service_choice::search_problem(date, now) {
        return Err(problem);
    }
    let route = edge.route(&state, None).await?;
    edge.ask_other(&state, || Some(Question::Days { from: date, to: date }));
    let days = state.queries.days(route.generation, date, date).await?;
    let service = service_choice::bookable(&days.value.catalog, wanted)?;
    let day = openings::day(&days.value, date, now).ok_or_else(|| Problem::of(Code::Internal))?;
    if !openings::is_open(&day, service) {
        return Err(Problem::of(Code::NoClinicHours));
    }
    let Availability { slots, available } = Availability::of(&day, service, route.model());
    let metadata = Metadata {
        date,
        service: &service.code,
        service_name: &service.name,
        total_slots: slots.len(),
        available_slots: available,
        booked_slots: slots.len() - available,
    };
    answer::viewed(&days, &Body { success: true, slots, metadata })
}
