//! `DELETE /api/admin/services?id=`: makes a service unavailable for new bookings. Nothing is deleted: its bookings stay.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::catalog::CatalogCommand;

use super::catalog::{self, Effect};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::request::query::{Query, required};
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

/// Deactivates a service.
pub(crate) async fn deactivate_service(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Catalog)?;
    let query = Query::from_request(&request)?;
    let catalog = state.commands.catalog();
    let id = required("id", query.text("id"))?;
    let id = &catalog::named_service(&catalog, ("id", id))?.id;
    let command = (CatalogCommand::DeactivateService(id.clone()), Effect::SwitchesOff);
    catalog::change(&state, &context, &staff, id, command).await
}
