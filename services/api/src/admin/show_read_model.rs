//! `GET /api/admin/read-model`: the routing and the live views.

use actix_web::{HttpResponse, web};

use super::read_model::ReadModelResponse;
use crate::problem::Problem;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

/// Shows the routing.
pub(crate) async fn show_read_model(state: web::Data<State>, staff: Staff) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Read)?;
    response::json(&ReadModelResponse::read(&state, &state.router.routing()).await)
}
