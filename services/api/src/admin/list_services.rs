//! `GET /api/admin/services`: all services, including inactive ones.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::catalog::ServiceResponse;
use crate::problem::Problem;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Serialize)]
struct ServicesResponse {
    success: bool,
    count: usize,
    services: Vec<ServiceResponse>,
}

/// Lists the services in display order.
pub(crate) async fn list_services(state: web::Data<State>, staff: Staff) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Catalog)?;
    let catalog = state.commands.catalog();
    let services: Vec<_> = catalog.in_order().into_iter().map(ServiceResponse::from).collect();
    response::json(&ServicesResponse { success: true, count: services.len(), services })
}
