//! `GET /api/admin/services`

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::catalog::Entry;
use crate::edge::answer;
use crate::problem::Problem;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Serialize)]
struct Body {
    success: bool,
    count: usize,
    services: Vec<Entry>,
}

/// All services, also those that can no longer be booked.
pub(crate) async fn list_services(state: web::Data<State>, staff: Staff) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let services: Vec<Entry> = state.commands.catalog().in_order().into_iter().map(Entry::from).collect();
    answer::plain(&Body { success: true, count: services.len(), services })
}
