//! `GET /api/public/reservations/availability?date=&serviceType=`, and the form of even older clients, `?date=&service=`.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use daybook_domain::catalog::Service;
use daybook_domain::rules::{self, Day, DayCount};
use serde::Serialize;

use super::availability::{self, Availability, AvailabilityLevel, TimeSlotResponse};
use super::find_service::{active_service, service_name};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::state::State;
use crate::texts::{Language, notice};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AvailabilityResponse<'a> {
    date: NaiveDate,
    service_type: &'a str,
    service_name: &'a str,
    available: bool,
    available_slots: usize,
    total_slots: usize,
    level: AvailabilityLevel,
    message: &'static str,
    slots: Vec<TimeSlotResponse>,
}

/// The older form: the number of bookings and the limit of the day.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AvailabilityCountResponse {
    available: bool,
    remaining: usize,
    current_count: usize,
    limit: usize,
    level: AvailabilityLevel,
    message: &'static str,
}

/// Shows whether a service can be booked on a day: with its start times, or as counts for the oldest clients.
pub(crate) async fn show_availability(
    state: web::Data<State>,
    context: RequestContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::from_query(&request)?;
    let date = form.day_parameter("date");
    let date = form.required("date", date);
    let services = state.commands.catalog();
    let service = form.either("serviceType", "service", |one, other| services.is_same(one, other));
    let service = form.required("serviceType", service);
    form.finish_ignoring_unknown()?;
    let ((parameter, service), date) = service.zip(date).ok_or_else(|| Problem::new(Code::MissingFields))?;
    let now = state.commands.now();
    let days = availability::read_day(&state, &context, date, now).await?;
    let service = active_service(&days.value.catalog, (parameter, &service))?;
    let day = availability::day(&days.value, date, now).ok_or_else(|| Problem::new(Code::Internal))?;
    let model = days.generation.model;
    if parameter == "serviceType" {
        let availability = Availability::calculate(&day, service, model);
        return response::from_view(&days, &slots_form(availability, service, &day, context.language));
    }
    let count = rules::day_count(&day, service, model.into());
    response::from_view(&days, &count_form(count, service, &day, context.language))
}

fn slots_form<'a>(
    availability: Availability,
    service: &'a Service,
    day: &Day<'_>,
    language: Language,
) -> AvailabilityResponse<'a> {
    let level = availability.level();
    AvailabilityResponse {
        date: day.schedule.date,
        service_type: &service.code,
        service_name: service_name(service, language),
        available: availability.available > 0,
        available_slots: availability.available,
        total_slots: availability.slots.len(),
        level,
        message: notice(language, level.notice(availability::is_open(day, service))),
        slots: availability.slots,
    }
}

fn count_form(
    DayCount { booked, limit, left }: DayCount,
    service: &Service,
    day: &Day<'_>,
    language: Language,
) -> AvailabilityCountResponse {
    let level = AvailabilityLevel::from_counts(left, limit);
    AvailabilityCountResponse {
        available: left > 0,
        remaining: left,
        current_count: booked,
        limit,
        level,
        message: notice(language, level.notice(availability::is_open(day, service))),
    }
}
