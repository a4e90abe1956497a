//! `POST /api/admin/manual-close`: closes a stretch of a day, or, with `action: check-conflict`, lists what is booked in
//! it.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use daybook_commands::NewClosure;
use daybook_domain::schedule::Booking;
use daybook_domain::{ClockTime, ReservationId, ServiceId, Status};
use daybook_projections::query::{Days, QueryResult};
use serde::Serialize;

use super::closure::{Entry, Sent, Wanted};
use super::role::Role;
use super::token::Staff;
use crate::edge::{RequestContext, answer, body, json};
use crate::problem::{Code, Problem};
use crate::state::State;

#[derive(Serialize)]
struct Closed<'a> {
    success: bool,
    closure: Entry<'a>,
    conflicts: Vec<Conflict<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conflicts<'a> {
    success: bool,
    date: NaiveDate,
    has_conflict: bool,
    conflict_count: usize,
    conflicts: Vec<Conflict<'a>>,
}

/// A booking that stands in a stretch that is closed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conflict<'a> {
    id: &'a ReservationId,
    status: Status,
    service_id: &'a ServiceId,
    start_time: ClockTime,
    end_time: ClockTime,
}

/// Closes time to new bookings; those that stand there stay, and are listed.
pub(crate) async fn close_time(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let sent: Sent = json::typed(&body::read(payload).await?)?;
    let (date, action) = (sent.date()?, sent.action.clone());
    let route = edge.route(&state, Some(staff.subject())).await?;
    let days = state.queries.days(route.generation, date, date).await?;
    let wanted = sent.read(&days.value)?;
    match action.as_deref() {
        None | Some("close" | "create") => close(&state, &edge, &staff, &days, wanted).await,
        Some("check-conflict") => answer::viewed(&days, &conflicts_body(&days.value, &wanted)),
        Some(_) => Err(Problem::field(Code::InvalidAction, "action")),
    }
}

async fn close(
    state: &State,
    edge: &RequestContext,
    staff: &Staff,
    days: &QueryResult<Days>,
    wanted: Wanted,
) -> Result<HttpResponse, Problem> {
    let conflicts = conflicts(&days.value, &wanted);
    let new = NewClosure {
        key: edge.idempotency_key.clone(),
        span: wanted.span,
        service: wanted.service.clone(),
        reason: wanted.reason.clone(),
    };
    let model = days.generation.model;
    let (commands, origin, date) =
        (state.commands.clone(), edge.origin(staff.actor(), Some(model)), wanted.date);
    let (id, position) = state.carry_out(async move { commands.close_time(date, new, origin).await }).await?;
    let actor = staff.actor();
    let closure = Entry {
        id: id.as_str(),
        date,
        start_time: wanted.span.start,
        end_time: wanted.span.end,
        service_id: wanted.service.as_ref(),
        reason: wanted.reason.as_deref(),
        created_by: actor.as_str(),
    };
    answer::recorded(Some(model), position, &Closed { success: true, closure, conflicts })
}

fn conflicts_body<'a>(days: &'a Days, wanted: &Wanted) -> Conflicts<'a> {
    let conflicts = conflicts(days, wanted);
    let conflict_count = conflicts.len();
    let date = wanted.date;
    Conflicts { success: true, date, has_conflict: conflict_count > 0, conflict_count, conflicts }
}

/// The bookings with a time in the stretch, in the order of the day.
fn conflicts<'a>(days: &'a Days, wanted: &Wanted) -> Vec<Conflict<'a>> {
    let booked = days.sheets.get(&wanted.date).into_iter().flat_map(|sheet| sheet.book.bookings());
    let mut conflicts: Vec<Conflict<'a>> = booked.filter_map(|entry| conflict(entry, wanted)).collect();
    conflicts.sort_by(|a, b| (a.start_time, a.id).cmp(&(b.start_time, b.id)));
    conflicts
}

fn conflict<'a>((id, booking): (&'a ReservationId, &'a Booking), wanted: &Wanted) -> Option<Conflict<'a>> {
    let concerned = wanted.service.as_ref().is_none_or(|only| *only == booking.service);
    let occupied = booking.occupied().filter(|span| concerned && span.overlaps(wanted.span))?;
    Some(Conflict {
        id,
        status: booking.status,
        service_id: &booking.service,
        start_time: occupied.start,
        end_time: occupied.end,
    })
}
