//! `PUT /api/admin/services`: sets the display order of all services.

use actix_web::{HttpResponse, web};
use daybook_commands::ChangeOutcome;
use daybook_domain::ServiceId;
use daybook_domain::catalog::CatalogCommand;
use serde::Serialize;

use super::catalog::{self, ServiceResponse};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

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
    let command = CatalogCommand::ReorderServices(order(Form::read(payload).await?)?);
    let ChangeOutcome { position, before, after, .. } =
        catalog::execute(&state, &context, &staff, command).await?;
    let changes = after.in_order().into_iter().filter_map(|service| {
        let (from, to) = (before.get(&service.id)?.display_order, service.display_order);
        (from != to).then(|| OrderChange { id: service.id.clone(), from, to })
    });
    let changes = changes.collect();
    let services = after.in_order().into_iter().map(ServiceResponse::from).collect();
    response::recorded(None, position, &ReorderServicesResponse { success: true, services, changes })
}

/// All services, first to last.
fn order(mut form: Form) -> Result<Vec<ServiceId>, Problem> {
    let order = form.ids("order", |text| ServiceId::parse(text).ok());
    let order = form.required("order", order);
    form.finish()?;
    order.ok_or_else(|| Problem::missing_fields(vec!["order"]))
}
