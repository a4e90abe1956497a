//! `GET /api/reservations/{id}`: one reservation.

use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::ReservationId;
use daybook_projections::Question;
use daybook_projections::query::{QueryResult, Reservation};
use serde::Serialize;

use super::permission::Permission;
use super::reservation_response::ReservationResponse;
use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::header::entity_tag;
use crate::response;
use crate::state::State;

#[derive(Serialize)]
struct GetReservationResponse<'a> {
    success: bool,
    reservation: ReservationResponse<'a>,
    #[serde(flatten)]
    changed: Option<Changed>,
}

/// What a response to a change says besides the reservation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    pub(super) message: &'static str,
    /// The recorded reason of the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_reason: Option<String>,
}

/// Shows a reservation.
pub(crate) async fn get_reservation(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Read)?;
    let id = reservation_id(&request)?;
    let route = context.route(&state, Some(staff.subject())).await?;
    context.sample_shadow_read(&state, || Some(Question::Reservation(id.clone())));
    let found = state.queries.reservation(route.generation, &id).await?;
    match &found.value {
        Some(reservation) => reservation_response(&found, reservation, None),
        None => Err(Problem::new(Code::ReservationNotFound)),
    }
}

/// The id in the path. A malformed id means that there is no such reservation.
pub(super) fn reservation_id(request: &HttpRequest) -> Result<ReservationId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    ReservationId::parse(text).map_err(|_| Problem::new(Code::ReservationNotFound))
}

/// A response with a reservation and its entity tag, which does not depend on the view.
pub(super) fn reservation_response<T>(
    result: &QueryResult<T>,
    reservation: &Reservation,
    changed: Option<Changed>,
) -> Result<HttpResponse, Problem> {
    let body = GetReservationResponse {
        success: true,
        reservation: ReservationResponse::from(reservation),
        changed,
    };
    let mut response = response::from_view(result, &body)?;
    let tag = entity_tag(reservation.version).try_into();
    let tag = tag.map_err(|error: actix_web::http::header::InvalidHeaderValue| {
        Problem::caused(Code::Internal, error)
    })?;
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}
