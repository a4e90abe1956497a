//! `GET /api/admin/clinic-hours`: the weekly hours.

use actix_web::{HttpResponse, web};

use super::clinic_hours::ClinicHoursResponse;
use crate::problem::Problem;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

/// Shows the hours.
pub(crate) async fn show_clinic_hours(
    state: web::Data<State>,
    staff: Staff,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Catalog)?;
    response::json(&ClinicHoursResponse::from(&*state.commands.hours()))
}
