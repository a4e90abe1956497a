//! `GET /api/admin/service-limits`: the daily limits of all services.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::catalog::ServiceLimitResponse;
use crate::problem::Problem;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Serialize)]
struct ServiceLimitsResponse {
    success: bool,
    limits: Vec<ServiceLimitResponse>,
}

/// Lists the limits.
pub(crate) async fn list_service_limits(
    state: web::Data<State>,
    staff: Staff,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Catalog)?;
    let catalog = state.commands.catalog();
    let limit = |service| ServiceLimitResponse::new(&catalog, service);
    let limits = catalog.in_order().into_iter().map(limit).collect();
    response::json(&ServiceLimitsResponse { success: true, limits })
}
