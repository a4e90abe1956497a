//! `DELETE /api/admin/manual-close?id=&date=`

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::ClosureId;
use serde::Serialize;

use super::role::Role;
use super::token::Staff;
use crate::edge::query::{Query, required};
use crate::edge::{RequestContext, answer};
use crate::problem::{Code, Problem};
use crate::state::State;

#[derive(Serialize)]
struct Body<'a> {
    success: bool,
    id: &'a str,
}

/// Lifts a closure.
pub(crate) async fn reopen_time(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let query = Query::of(&request)?;
    let (id, date) = (required("id", query.text("id"))?, required("date", query.date("date")?)?);
    let closure = ClosureId::parse(id).map_err(|_| Problem::of(Code::ClosureNotFound))?;
    let model = edge.judge(&state, Some(staff.subject()));
    let (commands, origin) = (state.commands.clone(), edge.origin(staff.actor(), Some(model)));
    let reopening = async move { commands.reopen_time(date, closure, origin).await };
    let position = state.carry_out(reopening).await?;
    answer::recorded(Some(model), position, &Body { success: true, id })
}
