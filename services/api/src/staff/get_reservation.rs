//! `GET /api/reservations/{id}`

use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::ReservationId;
use daybook_projections::Question;
use daybook_projections::query::{QueryResult, Reservation};
use serde::Serialize;

use super::role::Role;
use super::shape::Entry;
use super::token::Staff;
use crate::edge::header::entity_tag;
use crate::edge::{RequestContext, answer};
use crate::problem::{Code, Problem};
use crate::state::State;

#[derive(Serialize)]
struct Body<'a> {
    success: bool,
    reservation: Entry<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// One reservation.
pub(crate) async fn get_reservation(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Editor)?;
    let id = id(&request)?;
    let route = edge.route(&state, Some(staff.subject())).await?;
    edge.ask_other(&state, || Some(Question::Reservation(id.clone())));
    let found = state.queries.reservation(route.generation, &id).await?;
    match &found.value {
        Some(reservation) => shown(&found, reservation, None),
        None => Err(Problem::of(Code::ReservationNotFound)),
    }
}

/// The id in the path. What can be no id is the id of nothing.
pub(super) fn id(request: &HttpRequest) -> Result<ReservationId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    ReservationId::parse(text).map_err(|_| Problem::of(Code::ReservationNotFound))
}

/// A reservation with its entity tag, which does not depend on the view that answered.
pub(super) fn shown<T>(
    answer: &QueryResult<T>,
    reservation: &Reservation,
    message: Option<&'static str>,
) -> Result<HttpResponse, Problem> {
    let body = Body { success: true, reservation: Entry::from(reservation), message };
    let mut response = answer::viewed(answer, &body)?;
    let tag = entity_tag(reservation.version).try_into();
    let tag = tag.map_err(|error: actix_web::http::header::InvalidHeaderValue| {
        Problem::caused(Code::Internal, error)
    })?;
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}
