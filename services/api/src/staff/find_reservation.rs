//! Finding the page of a reservation. The log keeps pages by day, so the day is looked up in a view.

use daybook_domain::ReservationId;
use daybook_projections::query::Reservation;

use super::token::Staff;
use crate::edge::RequestContext;
use crate::problem::{Code, Problem};
use crate::state::State;

/// The reservation as the routed view has it. On a miss it waits, within bounds, until that view has passed the log's
/// head, and looks once more: a booking that was acknowledged is found, however young.
pub(super) async fn find_reservation(
    state: &State,
    edge: &RequestContext,
    staff: &Staff,
    id: &ReservationId,
) -> Result<Reservation, Problem> {
    let subject = staff.subject();
    let route = edge.route(state, Some(subject)).await?;
    if let Some(found) = state.queries.reservation(route.generation, id).await?.value {
        return Ok(found);
    }
    let (head, patience) = (state.head().await?, state.settings.at_least_patience);
    let route = state.router.choose_with(Some(subject), head, patience).await?;
    let found = state.queries.reservation(route.generation, id).await?.value;
    found.ok_or_else(|| Problem::of(Code::ReservationNotFound))
}
