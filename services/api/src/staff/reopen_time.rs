//! `DELETE /api/admin/manual-close?id=&date=`: lifts a closure.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::ClosureId;
use serde::Serialize;

use super::permission::Permission;
use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::query::{Query, required};
use crate::response;
use crate::state::State;

#[derive(Serialize)]
struct ReopenTimeResponse<'a> {
    success: bool,
    id: &'a str,
}

/// Lifts a closure.
pub(crate) async fn reopen_time(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::FrontDesk)?;
    let query = Query::from_request(&request)?;
    let (id, date) = (required("id", query.text("id"))?, required("date", query.date("date")?)?);
    let closure = ClosureId::parse(id).map_err(|_| Problem::new(Code::ClosureNotFound))?;
    let model = context.routed_model(&state, Some(staff.subject()));
    let origin = context.origin(staff.actor(), Some(model));
    let reopen = state.execute(|commands| async move { commands.reopen_time(date, closure, origin).await });
    let position = reopen.await?;
    response::recorded(Some(model), position, &ReopenTimeResponse { success: true, id })
}
