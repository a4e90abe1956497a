//! `POST /api/admin/manual-close`: closes a part of a day. With `action: check-conflict` it only lists the bookings in it.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use daybook_commands::{ClosureOutcome, NewClosure};
use daybook_domain::rules::{Day, impact};
use daybook_domain::schedule::{Closure, DaySchedule};
use serde::Serialize;

use super::closure::{Action, ClosureRequest, ClosureResponse};
use super::permission::Permission;
use super::token::Staff;
use crate::concerned::{Concerned, ConcernedBooking};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::state::State;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CloseTimeResponse<'a> {
    success: bool,
    closure: ClosureResponse<'a>,
    conflicts: Vec<ConcernedBooking>,
    /// How many there are, if there are any: the list has an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict_count: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConflictsResponse {
    success: bool,
    date: NaiveDate,
    has_conflict: bool,
    conflict_count: usize,
    conflicts: Vec<ConcernedBooking>,
}

/// Closes time to new bookings. Existing bookings stay and are listed as conflicts.
pub(crate) async fn close_time(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::FrontDesk)?;
    let request = ClosureRequest::parse(Form::read(payload).await?, &state.commands.catalog())?;
    let fields = request.fields();
    let response = match request.action {
        Action::Close => close(&state, &context, &staff, request).await,
        Action::CheckConflict => check_conflict(&state, &context, &staff, request).await,
    };
    response.map_err(|problem| problem.in_fields(&fields))
}

async fn check_conflict(
    state: &State,
    context: &RequestContext,
    staff: &Staff,
    request: ClosureRequest,
) -> Result<HttpResponse, Problem> {
    let ClosureRequest { date, time, service, reason, .. } = request;
    let route = context.route(state, Some(staff.subject())).await?;
    let days = state.queries.days(route.generation, date, date).await?;
    let span = time.span(&days.value.hours, date).ok_or_else(|| Problem::new(Code::NoClinicHours))?;
    let closure = Closure { span, service, reason, fingerprint: None };
    let schedule = state.execute(move |commands| async move { commands.day_schedule(date).await }).await?;
    let Concerned { count, listed } = conflicts(state, &schedule, &closure);
    let body = ConflictsResponse {
        success: true,
        date,
        has_conflict: count > 0,
        conflict_count: count,
        conflicts: listed,
    };
    response::from_view(&days, &body)
}

/// Needs no view: a repeated request is answered even if the hours or the views are no longer what they were.
async fn close(
    state: &State,
    context: &RequestContext,
    staff: &Staff,
    request: ClosureRequest,
) -> Result<HttpResponse, Problem> {
    let ClosureRequest { date, time, service, reason, .. } = request;
    let closure = NewClosure { key: context.idempotency_key.clone(), time, service, reason };
    let model = context.routed_model(state, Some(staff.subject()));
    let (actor, origin) = (staff.actor(), context.origin(staff.actor(), Some(model)));
    let ClosureOutcome { id, closure, is_active, position, schedule } =
        state.execute(|commands| async move { commands.close_time(date, closure, origin).await }).await?;
    let Concerned { count, listed } = conflicts(state, &schedule, &closure);
    let closure = ClosureResponse {
        id: id.as_str(),
        date,
        start_time: closure.span.start,
        end_time: closure.span.end,
        service_id: closure.service.as_ref(),
        reason: closure.reason.as_deref(),
        created_by: actor.as_str(),
        is_active: (!is_active).then_some(false),
    };
    let conflict_count = (count > 0).then_some(count);
    let body = CloseTimeResponse { success: true, closure, conflicts: listed, conflict_count };
    response::recorded(Some(model), position, &body)
}

/// The bookings in a closure, from the log: a booking of a moment ago is among them.
fn conflicts(state: &State, schedule: &DaySchedule, closure: &Closure) -> Concerned {
    let hours = state.commands.hours();
    let day = Day::new(schedule, &hours, state.commands.now());
    Concerned::on_day(schedule, |booking| impact::is_hit_by_closure(&day, closure, booking))
}
