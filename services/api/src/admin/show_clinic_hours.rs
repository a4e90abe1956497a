//! `GET /api/admin/clinic-hours`

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::clinic_hours::{Entry, week};
use crate::edge::answer;
use crate::problem::Problem;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Serialize)]
struct Body {
    success: bool,
    slots: Vec<Entry>,
}

/// The clinic's weekly hours.
pub(crate) async fn show_clinic_hours(
    state: web::Data<State>,
    staff: Staff,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    answer::plain(&Body { success: true, slots: week(&state.commands.hours()) })
}
