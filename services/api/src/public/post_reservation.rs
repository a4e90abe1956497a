//! `POST /api/public/reservations`: a booking, as the old system's clients ask for it.

pub(super) mod form;

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use daybook_commands::{BookingOutcome, CommandError, NewReservation};
use daybook_domain::routing::RoutedSubject;
use daybook_domain::{Actor, ReadModel, Status};
use serde::Serialize;

use crate::edge::json::Object;
use crate::edge::{RequestContext, answer, body};
use crate::problem::Problem;
use crate::state::State;
use crate::texts::{Said, said};

#[derive(Serialize)]
struct Body<'a> {
    success: bool,
    reservation: Entry<'a>,
    message: &'static str,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    status: Status,
    preferred_date: NaiveDate,
    preferred_time: &'a str,
}

/// Books. The rules of the model that the patient is routed to judge the booking; it is answered once it is recorded.
pub(crate) async fn post_reservation(
    state: web::Data<State>,
    edge: RequestContext,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let sent = Object::parse(&body::read(payload).await?)?;
    let form = form::read(sent, &state.commands.catalog(), state.commands.now_local().date())?;
    let patient = RoutedSubject::patient(state.commands.subject(&form.phone));
    let judge = edge.judge(&state, Some(&patient));
    let wanted = NewReservation {
        key: edge.idempotency_key.clone(),
        details: form.details,
        phone: form.phone,
        service: form.service,
        date: form.date,
        requested_time: form.wish,
        rules: judge.into(),
    };
    let origin = edge.origin(Actor::public(), Some(judge));
    let commands = state.commands.clone();
    let outcome = state.carry_out(async move { commands.request(wanted, origin).await }).await;
    let booked = count(&state, judge, outcome).map_err(|error| Problem::from(error).on(form.date))?;
    let reservation = Entry {
        id: booked.reservation.as_str(),
        status: booked.booking.status,
        preferred_date: form.date,
        preferred_time: &form.said_time,
    };
    let message = said(edge.language, Said::ReservationTaken);
    answer::recorded(Some(judge), booked.position, &Body { success: true, reservation, message })
}

fn count(
    state: &State,
    judge: ReadModel,
    outcome: Result<BookingOutcome, CommandError>,
) -> Result<BookingOutcome, CommandError> {
    match &outcome {
        Ok(booked) => {
            state.metrics.booking_taken(judge, booked.repeated);
            if let Some(code) = &booked.other_verdict {
                state.metrics.verdict_differs(judge, code);
            }
        }
        Err(CommandError::Rejected(rejection)) => state.metrics.booking_refused(judge, rejection.code()),
        Err(
            CommandError::Catalog(_)
            | CommandError::Hours(_)
            | CommandError::Routing(_)
            | CommandError::Contended
            | CommandError::Unavailable(_)
            | CommandError::Unanswered(_)
            | CommandError::TooLarge(_)
            | CommandError::Vault(_)
            | CommandError::Codec(_)
            | CommandError::Log(_),
        ) => state.metrics.booking_refused(judge, "NOT_DECIDED"),
    }
    outcome
}
