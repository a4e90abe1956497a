//! `GET /api/public/reservations/time-slots?service=&date=`: the start times of a day for a service.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use serde::Serialize;

use super::availability::{self, Availability, TimeSlotResponse};
use super::find_service::{active_service, service_name};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::state::State;

#[derive(Serialize)]
struct TimeSlotsResponse<'a> {
    success: bool,
    slots: Vec<TimeSlotResponse>,
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

/// Lists the start times, available or not.
pub(crate) async fn list_time_slots(
    state: web::Data<State>,
    context: RequestContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::from_query(&request)?;
    let service = form.string("service");
    let service = form.required("service", service);
    let date = form.day_parameter("date");
    let date = form.required("date", date);
    form.finish_ignoring_unknown()?;
    let (service, date) = service.zip(date).ok_or_else(|| Problem::new(Code::MissingFields))?;
    let now = state.commands.now();
    let days = availability::read_day(&state, &context, date, now).await?;
    let service = active_service(&days.value.catalog, ("service", &service))?;
    let day = availability::day(&days.value, date, now).ok_or_else(|| Problem::new(Code::Internal))?;
    if !availability::is_open(&day, service) {
        return Err(Problem::new(Code::NoClinicHours));
    }
    let Availability { slots, available } = Availability::calculate(&day, service, days.generation.model);
    let metadata = Metadata {
        date,
        service: &service.code,
        service_name: service_name(service, context.language),
        total_slots: slots.len(),
        available_slots: available,
        booked_slots: slots.len() - available,
    };
    response::from_view(&days, &TimeSlotsResponse { success: true, slots, metadata })
}
