//! `PATCH /api/reservations/{id}`: another status, another time, a note; all of it in one append, or none.

mod wanted;

use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use daybook_commands::{BookingOutcome, CommandError};
use daybook_domain::schedule::Rejection;
use daybook_domain::{ReservationId, Status};
use daybook_projections::query::Reservation;
use serde::Serialize;

use self::wanted::Patch;
use super::find_reservation::find_reservation;
use super::get_reservation::{id, shown};
use super::role::Role;
use super::token::Staff;
use crate::edge::header::{entity_tag, if_match};
use crate::edge::json::Object;
use crate::edge::{RequestContext, answer, body};
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::texts::{Said, said};

#[derive(Serialize)]
struct Body<'a> {
    success: bool,
    reservation: Changed<'a>,
    message: &'static str,
}

/// What is known of a changed reservation without a view.
#[derive(Serialize)]
struct Changed<'a> {
    id: &'a str,
    status: Status,
    version: u32,
}

/// Changes a reservation, and shows it as it then stands.
pub(crate) async fn patch_reservation(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let (id, expected_version) = (id(&request)?, if_match(request.headers())?);
    let patch = Patch::read(Object::parse(&body::read(payload).await?)?)?;
    let found = find_reservation(&state, &edge, &staff, &id).await?;
    let booked = change(&state, &edge, &staff, &found, expected_version, &patch).await?;
    show(&state, &edge, &staff, &id, &booked).await
}

async fn change(
    state: &State,
    edge: &RequestContext,
    staff: &Staff,
    found: &Reservation,
    expected_version: Option<u32>,
    patch: &Patch,
) -> Result<BookingOutcome, Problem> {
    let judge = edge.judge(state, Some(staff.subject()));
    let id =
        ReservationId::parse(found.id.as_str()).map_err(|error| Problem::caused(Code::Internal, error))?;
    let mut is_no_show = found.status == Status::NoShow;
    // The view may be a moment behind the page, and only from a no-show does one get back by a correction.
    let mut may_look_again = true;
    loop {
        let wanted = patch.wanted(found, is_no_show, judge.into())?;
        let (commands, page) = (state.commands.clone(), found.preferred_date);
        let (id, origin) = (id.clone(), edge.origin(staff.actor(), Some(judge)));
        let changing = async move { commands.change_all(page, id, expected_version, wanted, origin).await };
        match state.carry_out(changing).await {
            Err(CommandError::Rejected(Rejection::TransitionNotAllowed { from, to: Status::Confirmed }))
                if may_look_again && (from == Status::NoShow) != is_no_show =>
            {
                (is_no_show, may_look_again) = (from == Status::NoShow, false);
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// The reservation as the routed view has it once it holds the change; where that takes too long, what the page says.
async fn show(
    state: &State,
    edge: &RequestContext,
    staff: &Staff,
    id: &ReservationId,
    booked: &BookingOutcome,
) -> Result<HttpResponse, Problem> {
    let (subject, patience) = (staff.subject(), state.settings.at_least_patience);
    let message = said(edge.language, Said::ReservationChanged);
    if let Ok(route) = state.router.choose_with(Some(subject), booked.position, patience).await
        && let Ok(found) = state.queries.reservation(route.generation, id).await
        && let Some(reservation) = &found.value
    {
        return shown(&found, reservation, Some(message));
    }
    let booking = &booked.booking;
    let reservation = Changed { id: id.as_str(), status: booking.status, version: booking.version };
    let body = Body { success: true, reservation, message };
    let mut response = answer::recorded(None, booked.position, &body)?;
    if let Ok(tag) = entity_tag(booking.version).try_into() {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}
