//! `POST /api/public/reservations`: books, with the request and response bodies of the old system.

pub(super) mod booking_form;

use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use daybook_commands::{BookingOutcome, CommandError, NewReservation, RequestedTime, Sender};
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::routing::RoutedSubject;
use daybook_domain::schedule::{Rejection, SlotAssignment};
use daybook_domain::{Actor, ReadModel, Status};
use serde::Serialize;

use crate::problem::Problem;
use crate::request::RequestContext;
use crate::request::client_network::ClientNetwork;
use crate::request::json::Object;
use crate::response;
use crate::staff::{Permission, identify};
use crate::state::State;
use crate::texts::{Notice, notice};

#[derive(Serialize)]
struct BookingResponse<'a> {
    success: bool,
    reservation: BookedReservation<'a>,
    message: &'static str,
}

#[derive(Serialize)]
struct BookedReservation<'a> {
    id: &'a str,
    status: Status,
    preferred_date: NaiveDate,
    preferred_time: Cow<'a, str>,
    /// Whether a person at the clinic has to read the requested time before it counts.
    #[serde(rename = "needsReview", skip_serializing_if = "std::ops::Not::not")]
    needs_review: bool,
}

/// Books. The rule set of the model that the patient is routed to decides. Responds once the booking is recorded.
pub(crate) async fn post_reservation(
    state: web::Data<State>,
    context: RequestContext,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = Object::read(payload).await?;
    let (region, today) = (state.settings.region, state.commands.now_local().date());
    let catalog = state.commands.catalog();
    let form = booking_form::parse(body, region, (&catalog, &state.commands.hours()), today)?;
    let patient = RoutedSubject::patient(state.commands.subject(&form.phone));
    let is_in_both_views = catalog.get(&form.service).is_some_and(|service| service.legacy.is_some());
    let read_model = context.booking_model(&state, &patient, is_in_both_views);
    let (fields, time) = (form.fields(), form.requested_time);
    let (sender, started) = (sender(&state, &request), tokio::time::Instant::now());
    let reservation = NewReservation {
        sender,
        key: context.idempotency_key.clone(),
        details: form.details,
        phone: form.phone,
        service: form.service,
        date: form.date,
        requested_time: time.requested_time.clone(),
        stated_period: time.stated_period,
        unread_text: time.unread_text,
        rules: read_model.into(),
    };
    let origin = context.origin(Actor::public(), Some(read_model));
    let outcome = state.execute(|commands| async move { commands.request(reservation, origin).await }).await;
    count(&state, read_model, &outcome);
    if outcome.is_err() && matches!(sender, Sender::Stranger { .. }) {
        super::wait_for_response_time(started, &context).await;
    }
    if let Err(CommandError::Rejected(Rejection::OtherPeriod)) = outcome {
        return Err(fields.other_period());
    }
    let outcome = outcome.map_err(|error| Problem::from(error).with_date(form.date).in_fields(&fields))?;
    let reservation = BookedReservation {
        id: outcome.reservation.as_str(),
        status: outcome.booking.status,
        preferred_date: form.date,
        preferred_time: recorded_time(outcome.booking.placement, &time.requested_time, &time.text),
        needs_review: matches!(outcome.booking.placement, SlotAssignment::Review(_)),
    };
    let status = outcome.booking.status;
    let stands =
        if outcome.repeated { Notice::ReservationStands(status) } else { Notice::ReservationReceived };
    let message = notice(context.language, stands);
    let body = BookingResponse { success: true, reservation, message };
    response::recorded(Some(read_model), outcome.position, &body)
}

/// A member of the desk may book for anybody. A token that is not valid makes a stranger, as no token does.
fn sender(state: &State, request: &HttpRequest) -> Sender {
    let staff = identify(request).ok().flatten();
    if staff.is_some_and(|staff| staff.require(Permission::FrontDesk).is_ok()) {
        return Sender::Clinic;
    }
    let network = ClientNetwork::find(request, &state.settings.trusted_proxies);
    Sender::Stranger { network: network.and_then(ClientNetwork::public_address) }
}

/// The time of the booking as it is now: in the client's words unless it has another time meanwhile.
fn recorded_time<'t>(placement: SlotAssignment, requested: &RequestedTime, text: &'t str) -> Cow<'t, str> {
    let parsed = match requested {
        RequestedTime::Text(text) => requested_time::parse(text),
        RequestedTime::Period(period) => ParsedTime::Period(*period),
        RequestedTime::At(start) => ParsedTime::At(*start),
    };
    let is_as_requested = match (placement, parsed) {
        (SlotAssignment::At { start, .. }, ParsedTime::At(requested)) => start == requested,
        (SlotAssignment::Period(period), ParsedTime::Period(requested)) => period == requested,
        (SlotAssignment::Review(_), ParsedTime::Ambiguous(_)) => true,
        (SlotAssignment::At { .. } | SlotAssignment::Period(_) | SlotAssignment::Review(_), _) => false,
    };
    if is_as_requested { text.into() } else { placement.legacy_text().unwrap_or_default().into() }
}

fn count(state: &State, read_model: ReadModel, outcome: &Result<BookingOutcome, CommandError>) {
    match outcome {
        Ok(outcome) => {
            state.metrics.booking_accepted(read_model, outcome.repeated);
            if let Some(code) = &outcome.other_verdict {
                state.metrics.verdict_differs(read_model, code);
            }
        }
        Err(CommandError::Rejected(rejection)) => state.metrics.booking_refused(read_model, rejection.code()),
        Err(_) => state.metrics.booking_refused(read_model, "NOT_DECIDED"),
    }
}
