//! `GET /api/admin/migration`

use actix_web::{HttpResponse, web};

use super::body::Body;
use crate::problem::Problem;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

/// Responds with the status of the migration and the current gates of the next stage.
pub(super) async fn show_migration(state: web::Data<State>, staff: Staff) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Rollout)?;
    let status = state.migration.workflows.migration().status(state.clock.now()).await?;
    let in_force = state.router.routing().stage == status.stage;
    response::json(&Body::new(status, in_force, state.migration.background.get()))
}
