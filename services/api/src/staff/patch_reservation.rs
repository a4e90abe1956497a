//! `PATCH /api/reservations/{id}`: changes status, time and note in one append, so all of it takes effect or nothing.

mod patch_request;

use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use daybook_commands::{BookingOutcome, CommandError};
use daybook_domain::schedule::Rejection;
use daybook_domain::{ReservationId, Status};
use daybook_projections::query::Reservation;
use serde::Serialize;

use self::patch_request::PatchRequest;
use super::find_reservation::find_reservation;
use super::get_reservation::{Changed, reservation_id, reservation_response};
use super::permission::Permission;
use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::header::{entity_tag, if_match};
use crate::request::json::Object;
use crate::response;
use crate::state::State;
use crate::texts::{Notice, notice};

#[derive(Serialize)]
struct ChangedReservationResponse<'a> {
    success: bool,
    reservation: ReservationSummary<'a>,
    #[serde(flatten)]
    changed: Changed,
}

/// A changed reservation as the command returned it, without a view.
#[derive(Serialize)]
struct ReservationSummary<'a> {
    id: &'a str,
    status: Status,
    version: u32,
}

/// Changes a reservation and responds with its new state.
pub(crate) async fn patch_reservation(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::FrontDesk)?;
    let (id, expected_version) = (reservation_id(&request)?, if_match(request.headers())?);
    let patch = PatchRequest::parse(Object::read(payload).await?, &state.commands.hours())?;
    let found = find_reservation(&state, &context, &staff, &id).await?;
    let outcome = change(&state, &context, &staff, &found, expected_version, &patch).await;
    let outcome = outcome.map_err(|problem| problem.in_fields(&patch.fields()))?;
    context.view_answered();
    // The change is recorded, so a reason that cannot be read now is only left out.
    let status_reason = match patch.has_status() {
        true => state.commands.reason_of(&id, &outcome.booking).await.ok().flatten(),
        false => None,
    };
    show(&state, &context, &staff, &outcome, status_reason).await
}

async fn change(
    state: &State,
    context: &RequestContext,
    staff: &Staff,
    found: &Reservation,
    expected_version: Option<u32>,
    patch: &PatchRequest,
) -> Result<BookingOutcome, Problem> {
    let read_model = context.routed_model(state, Some(staff.subject()));
    let id =
        ReservationId::parse(found.id.as_str()).map_err(|error| Problem::caused(Code::Internal, error))?;
    // The view may lag behind the day schedule. CONFIRMED after an outcome is a correction with a reason, so a rejection
    // that shows another status is retried once. A note that stands is not written again, at the version of the view.
    let is_current = expected_version.is_none_or(|version| version == found.version);
    let (mut status, mut may_retry, mut keeps_note) =
        (found.status, true, is_current && patch.keeps_note(found));
    loop {
        let changes = patch.changes(found, status, read_model.into(), keeps_note)?;
        let expected = expected_version.or(keeps_note.then_some(found.version));
        let (date, id) = (found.preferred_date, id.clone());
        let origin = context.origin(staff.actor(), Some(read_model));
        let outcome = state.execute(|commands| async move {
            commands.change_all(date, id, expected, changes, origin).await
        });
        match outcome.await {
            Err(CommandError::Rejected(Rejection::TransitionNotAllowed { from, to: Status::Confirmed }))
                if may_retry && from != status =>
            {
                (status, may_retry) = (from, false);
            }
            Err(CommandError::Rejected(Rejection::VersionMismatch { .. }))
                if keeps_note && expected_version.is_none() =>
            {
                keeps_note = false;
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// Responds with the reservation from the routed view, once that has applied the change. If it takes too long, or another
/// change was faster, with the outcome of the command.
async fn show(
    state: &State,
    context: &RequestContext,
    staff: &Staff,
    outcome: &BookingOutcome,
    status_reason: Option<String>,
) -> Result<HttpResponse, Problem> {
    let (subject, patience, id) = (staff.subject(), state.settings.at_least_patience, &outcome.reservation);
    let is_changed = if outcome.repeated { Notice::ReservationUnchanged } else { Notice::ReservationChanged };
    let message = notice(context.language, is_changed);
    if let Ok(route) = state.router.choose_with(Some(subject), outcome.position, patience).await
        && let Ok(found) = state.queries.reservation(route.generation, id).await
        && let Some(reservation) = &found.value
        && reservation.version == outcome.booking.version
    {
        return reservation_response(&found, reservation, Some(Changed { message, status_reason }));
    }
    let booking = &outcome.booking;
    let reservation =
        ReservationSummary { id: id.as_str(), status: booking.status, version: booking.version };
    let changed = Changed { message, status_reason };
    let body = ChangedReservationResponse { success: true, reservation, changed };
    let mut response = response::recorded(None, outcome.position, &body)?;
    if let Ok(tag) = entity_tag(booking.version).try_into() {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}
