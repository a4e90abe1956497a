//! `POST /api/admin/manual-close`: closes a part of a day. With `action: check-conflict` it only lists the bookings in it.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use daybook_commands::NewClosure;
use daybook_domain::schedule::Booking;
use daybook_domain::{ClockTime, ReservationId, ServiceId, Status};
use daybook_projections::query::{Days, QueryResult};
use serde::Serialize;

use super::closure::{ClosureRequest, ClosureResponse};
use super::role::Role;
use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::state::State;

#[derive(Serialize)]
struct CloseTimeResponse<'a> {
    success: bool,
    closure: ClosureResponse<'a>,
    conflicts: Vec<Conflict<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConflictsResponse<'a> {
    success: bool,
    date: NaiveDate,
    has_conflict: bool,
    conflict_count: usize,
    conflicts: Vec<Conflict<'a>>,
}

/// A booking that overlaps a closure.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conflict<'a> {
    id: &'a ReservationId,
    status: Status,
    service_id: &'a ServiceId,
    start_time: ClockTime,
    end_time: ClockTime,
}

/// Closes time to new bookings. Existing bookings stay and are listed as conflicts.
pub(crate) async fn close_time(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let request = ClosureRequest::parse(Form::read(payload).await?)?;
    let (date, action) = (request.date, request.action.clone());
    let route = context.route(&state, Some(staff.subject())).await?;
    let days = state.queries.days(route.generation, date, date).await?;
    let closure = request.into_closure(&days.value, context.idempotency_key.clone())?;
    match action.as_deref() {
        None | Some("close" | "create") => close(&state, &context, &staff, &days, date, closure).await,
        Some("check-conflict") => {
            let conflicts = conflicts(&days.value, date, &closure);
            let conflict_count = conflicts.len();
            let has_conflict = conflict_count > 0;
            let body = ConflictsResponse { success: true, date, has_conflict, conflict_count, conflicts };
            response::from_view(&days, &body)
        }
        Some(_) => Err(Problem::field(Code::InvalidAction, "action")),
    }
}

async fn close(
    state: &State,
    context: &RequestContext,
    staff: &Staff,
    days: &QueryResult<Days>,
    date: NaiveDate,
    closure: NewClosure,
) -> Result<HttpResponse, Problem> {
    let (model, actor) = (days.generation.model, staff.actor());
    let (new, origin) = (closure.clone(), context.origin(actor.clone(), Some(model)));
    let (id, position) =
        state.execute(|commands| async move { commands.close_time(date, new, origin).await }).await?;
    let conflicts = conflicts(&days.value, date, &closure);
    let closure = ClosureResponse {
        id: id.as_str(),
        date,
        start_time: closure.span.start,
        end_time: closure.span.end,
        service_id: closure.service.as_ref(),
        reason: closure.reason.as_deref(),
        created_by: actor.as_str(),
    };
    response::recorded(Some(model), position, &CloseTimeResponse { success: true, closure, conflicts })
}

/// The bookings that overlap a closure, in the order of the day.
fn conflicts<'a>(days: &'a Days, date: NaiveDate, closure: &NewClosure) -> Vec<Conflict<'a>> {
    let bookings = days.sheets.get(&date).into_iter().flat_map(|sheet| sheet.book.bookings());
    let mut conflicts: Vec<Conflict<'a>> = bookings.filter_map(|entry| conflict(entry, closure)).collect();
    conflicts.sort_by(|a, b| (a.start_time, a.id).cmp(&(b.start_time, b.id)));
    conflicts
}

fn conflict<'a>(
    (id, booking): (&'a ReservationId, &'a Booking),
    closure: &NewClosure,
) -> Option<Conflict<'a>> {
    let is_affected = closure.service.as_ref().is_none_or(|only| *only == booking.service);
    let occupied = booking.occupied().filter(|span| is_affected && span.overlaps(closure.span))?;
    Some(Conflict {
        id,
        status: booking.status,
        service_id: &booking.service,
        start_time: occupied.start,
        end_time: occupied.end,
    })
}
