//! `DELETE /api/admin/services?id=`: the service can no longer be booked. Nothing is deleted: its bookings stay.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::catalog::CatalogCommand;

use super::catalog;
use super::change_service::apply;
use crate::edge::RequestContext;
use crate::edge::query::Query;
use crate::problem::Problem;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

/// Lets a service be booked no longer.
pub(crate) async fn deactivate_service(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let query = Query::of(&request)?;
    let catalog = state.commands.catalog();
    let service = catalog::find(&catalog, query.text("id"))?;
    let wanted = vec![CatalogCommand::DeactivateService(service.id.clone())];
    apply(&state, &edge, &staff, service, wanted).await
}
