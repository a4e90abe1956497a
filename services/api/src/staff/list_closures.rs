//! `GET /api/admin/manual-close?date=`: the closures of a day.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use daybook_domain::value;
use serde::Serialize;

use super::closure::ClosureResponse;
use super::permission::Permission;
use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::state::State;

#[derive(Serialize)]
struct ClosuresResponse<'a> {
    success: bool,
    date: NaiveDate,
    closures: Vec<ClosureResponse<'a>>,
}

/// Lists the closures.
pub(crate) async fn list_closures(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::FrontDesk)?;
    let mut form = Form::from_query(&request)?;
    let date = form.date_parameter("date", value::CLINIC_DAYS);
    let date = form.required("date", date);
    form.finish_ignoring_unknown()?;
    let date = date.ok_or_else(|| Problem::new(Code::MissingFields))?;
    let route = context.route(&state, Some(staff.subject())).await?;
    let days = state.queries.days(route.generation, date, date).await?;
    let closed = days.value.sheets.get(&date).into_iter().flat_map(|sheet| &sheet.closed);
    let closures = closed.map(|closed| ClosureResponse::new(date, closed)).collect();
    response::from_view(&days, &ClosuresResponse { success: true, date, closures })
}
