//! `GET /api/admin/manual-close?date=`

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use serde::Serialize;

use super::closure::Entry;
use super::role::Role;
use super::token::Staff;
use crate::edge::query::{Query, required};
use crate::edge::{RequestContext, answer};
use crate::problem::Problem;
use crate::state::State;

#[derive(Serialize)]
struct Body<'a> {
    success: bool,
    date: NaiveDate,
    closures: Vec<Entry<'a>>,
}

/// The closures of a day.
pub(crate) async fn list_closures(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let date = required("date", Query::of(&request)?.date("date")?)?;
    let route = edge.route(&state, Some(staff.subject())).await?;
    let days = state.queries.days(route.generation, date, date).await?;
    let closed = days.value.sheets.get(&date).into_iter().flat_map(|sheet| &sheet.closed);
    let closures = closed.map(|closed| Entry::of(date, closed)).collect();
    answer::viewed(&days, &Body { success: true, date, closures })
}
