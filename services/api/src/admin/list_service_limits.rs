//! `GET /api/admin/service-limits`

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::catalog::LimitEntry;
use crate::edge::answer;
use crate::problem::Problem;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Serialize)]
struct Body {
    success: bool,
    limits: Vec<LimitEntry>,
}

/// How much of each service a day may hold.
pub(crate) async fn list_service_limits(
    state: web::Data<State>,
    staff: Staff,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let limits = state.commands.catalog().in_order().into_iter().map(LimitEntry::from).collect();
    answer::plain(&Body { success: true, limits })
}
