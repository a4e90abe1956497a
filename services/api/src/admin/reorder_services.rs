//! `PUT /api/admin/services`: the order in which services are shown.

use actix_web::{HttpResponse, web};
use daybook_domain::ServiceId;
use daybook_domain::catalog::CatalogCommand;
use serde::{Deserialize, Serialize};

use super::catalog::{self, Entry};
use crate::edge::{RequestContext, answer, body, json};
use crate::problem::Problem;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Deserialize)]
struct Sent {
    /// All services, first to last.
    order: Vec<ServiceId>,
}

#[derive(Serialize)]
struct Body {
    success: bool,
    services: Vec<Entry>,
    changes: Vec<Moved>,
}

/// A service that stands elsewhere.
#[derive(Serialize)]
struct Moved {
    id: ServiceId,
    from: u32,
    to: u32,
}

/// Sets the order of all services.
pub(crate) async fn reorder_services(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let Sent { order } = json::typed(&body::read(payload).await?)?;
    let before = state.commands.catalog();
    let wanted = vec![CatalogCommand::ReorderServices(order)];
    let position = catalog::carry_out(&state, &edge, &staff, wanted).await?;
    let after = state.commands.catalog();
    let moved = after.in_order().into_iter().filter_map(|service| {
        let (from, to) = (before.get(&service.id)?.display_order, service.display_order);
        (from != to).then(|| Moved { id: service.id.clone(), from, to })
    });
    let changes = moved.collect();
    let services = after.in_order().into_iter().map(Entry::from).collect();
    let body = Body { success: true, services, changes };
    match position {
        Some(position) => answer::recorded(None, position, &body),
        None => answer::plain(&body),
    }
}
