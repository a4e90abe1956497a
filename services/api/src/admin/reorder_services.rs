//! `PUT /api/admin/services`: sets the display order of all services.

use actix_web::{HttpResponse, web};
use daybook_domain::ServiceId;
use daybook_domain::catalog::CatalogCommand;
use serde::{Deserialize, Serialize};

use super::catalog::{self, ServiceResponse};
use crate::problem::Problem;
use crate::request::{RequestContext, json};
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Deserialize)]
struct ReorderServicesRequest {
    /// All services, first to last.
    order: Vec<ServiceId>,
}

#[derive(Serialize)]
struct ReorderServicesResponse {
    success: bool,
    services: Vec<ServiceResponse>,
    changes: Vec<OrderChange>,
}

/// A service whose place in the order changed.
#[derive(Serialize)]
struct OrderChange {
    id: ServiceId,
    from: u32,
    to: u32,
}

/// Sets the order.
pub(crate) async fn reorder_services(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Catalog)?;
    let ReorderServicesRequest { order } = json::read(payload).await?;
    let before = state.commands.catalog();
    let commands = vec![CatalogCommand::ReorderServices(order)];
    let position = catalog::execute(&state, &context, &staff, commands).await?;
    let after = state.commands.catalog();
    let changes = after.in_order().into_iter().filter_map(|service| {
        let (from, to) = (before.get(&service.id)?.display_order, service.display_order);
        (from != to).then(|| OrderChange { id: service.id.clone(), from, to })
    });
    let changes = changes.collect();
    let services = after.in_order().into_iter().map(ServiceResponse::from).collect();
    response::recorded(None, position, &ReorderServicesResponse { success: true, services, changes })
}
