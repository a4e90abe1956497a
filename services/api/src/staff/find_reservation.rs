//! Finds the day of a reservation in a view, because the log has one stream per day.

use daybook_domain::ReservationId;
use daybook_projections::query::Reservation;

use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::state::State;

/// Reads the reservation from the routed view. If it is missing, waits a limited time until that view has reached the log's
/// head and reads again, so that a booking is found as soon as it has been acknowledged.
pub(super) async fn find_reservation(
    state: &State,
    context: &RequestContext,
    staff: &Staff,
    id: &ReservationId,
) -> Result<Reservation, Problem> {
    let subject = staff.subject();
    let route = context.route(state, Some(subject)).await?;
    if let Some(found) = state.queries.reservation(route.generation, id).await?.value {
        return Ok(found);
    }
    let (head, patience) = (state.head().await?, state.settings.at_least_patience);
    let route = state.router.choose_with(Some(subject), head, patience).await?;
    let found = state.queries.reservation(route.generation, id).await?.value;
    found.ok_or_else(|| Problem::new(Code::ReservationNotFound))
}
