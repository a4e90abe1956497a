//! `GET /api/admin/read-model`

use actix_web::{HttpResponse, web};

use super::read_model::Body;
use crate::edge::answer;
use crate::problem::Problem;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

/// Shows which read model answers whom.
pub(crate) async fn show_read_model(state: web::Data<State>, staff: Staff) -> Result<HttpResponse, Problem> {
    staff.require(Role::Editor)?;
    answer::plain(&Body::of(&state, &state.router.routing()).await)
}
