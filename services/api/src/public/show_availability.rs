//! `GET /api/public/reservations/availability?date=&serviceType=`, and the form of even older clients, `?date=&service=`.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use daybook_domain::catalog::Service;
use daybook_domain::rules::Day;
use daybook_domain::schedule::Booking;
use serde::Serialize;

use super::availability::{self, Availability, AvailabilityLevel, TimeSlotResponse};
use super::find_service::{active_service, service_name};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::query::{Query, required};
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
    let query = Query::from_request(&request)?;
    let date = required("date", query.date("date")?)?;
    let (service_type, service) = (query.text("serviceType"), query.text("service"));
    let service = required("serviceType", service_type.or(service))?;
    let now = state.commands.now();
    let days = availability::read_day(&state, &context, date, now).await?;
    let service = active_service(&days.value.catalog, service)?;
    let day = availability::day(&days.value, date, now).ok_or_else(|| Problem::new(Code::Internal))?;
    let availability = Availability::calculate(&day, service, days.generation.model);
    if service_type.is_some() {
        return response::from_view(&days, &slots_form(availability, service, &day, context.language));
    }
    response::from_view(&days, &count_form(&availability, service, &day, context.language))
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

/// Without an active limit, the number of slots is the limit. Without a free slot, nothing remains.
fn count_form(
    availability: &Availability,
    service: &Service,
    day: &Day<'_>,
    language: Language,
) -> AvailabilityCountResponse {
    let holds_seat = |booking: &Booking| booking.service == service.id && booking.status.holds_seat();
    let current_count = day.schedule.bookings().filter(|(_, booking)| holds_seat(booking)).count();
    let active_limit = service.limit.filter(|limit| limit.is_active);
    let limit = active_limit.map_or(availability.slots.len(), |limit| limit.daily_limit as usize);
    let remaining = match (availability.available, active_limit) {
        (0, _) => 0,
        (_, Some(_)) => limit.saturating_sub(current_count),
        (available, None) => available,
    };
    let level = AvailabilityLevel::from_counts(remaining, limit);
    let message = notice(language, level.notice(availability::is_open(day, service)));
    AvailabilityCountResponse { available: remaining > 0, remaining, current_count, limit, level, message }
}
