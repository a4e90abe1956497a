//! `DELETE /api/admin/services?id=`: makes a service unavailable for new bookings. Nothing is deleted: its bookings stay.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::catalog::CatalogCommand;

use super::catalog;
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::request::query::Query;
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
    let service = catalog::required_service(&catalog, query.text("id"))?;
    let commands = vec![CatalogCommand::DeactivateService(service.id.clone())];
    catalog::change(&state, &context, &staff, &service.id, Some(service), commands).await
}
