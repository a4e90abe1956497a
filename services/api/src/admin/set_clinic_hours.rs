//! `PUT /api/admin/clinic-hours`: the hours of one weekday, all of them.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use daybook_domain::hours::{ClinicHoursSet, ClinicSlot};
use daybook_domain::time::{DayOfWeek, Span};
use daybook_domain::{ClockTime, HoursId, Period, ServiceId};
use serde::{Deserialize, Serialize};

use super::clinic_hours::{Entry, week};
use crate::edge::{RequestContext, answer, body, json};
use crate::problem::{Code, Problem};
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

/// Minutes between offered starts, where nothing is said. Source: the old system's table.
const DEFAULT_INTERVAL: u32 = 30;

/// Bookings at the same time, where nothing is said. Source: the old system's table.
const DEFAULT_CONCURRENT: u32 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    day_of_week: DayOfWeek,
    slots: Vec<SentSlot>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentSlot {
    id: Option<HoursId>,
    period: Period,
    start_time: ClockTime,
    end_time: ClockTime,
    slot_interval: Option<u32>,
    max_concurrent: Option<u32>,
    service_id: Option<ServiceId>,
    effective_from: Option<NaiveDate>,
    effective_until: Option<NaiveDate>,
}

#[derive(Serialize)]
struct Body {
    success: bool,
    slots: Vec<Entry>,
}

/// Sets the hours of one weekday; none means closed.
pub(crate) async fn set_clinic_hours(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let Sent { day_of_week, slots } = json::typed(&body::read(payload).await?)?;
    let catalog = state.commands.catalog();
    if slots.iter().filter_map(|slot| slot.service_id.as_ref()).any(|id| catalog.get(id).is_none()) {
        return Err(Problem::field(Code::UnknownService, "serviceId"));
    }
    let slots = slots.into_iter().enumerate().map(|(place, slot)| read(day_of_week, place, slot));
    let wanted = ClinicHoursSet { day_of_week, slots: slots.collect::<Result<_, _>>()? };
    let (commands, origin) = (state.commands.clone(), edge.origin(staff.actor(), None));
    let position = state.carry_out(async move { commands.set_hours(wanted, origin).await }).await?;
    let body = Body { success: true, slots: week(&state.commands.hours()) };
    answer::recorded(None, position, &body)
}

fn read(day: DayOfWeek, place: usize, sent: SentSlot) -> Result<ClinicSlot, Problem> {
    let named = || HoursId::parse(format!("cts_{}_{}", day.number(), place + 1));
    let id = sent.id.map_or_else(named, Ok);
    Ok(ClinicSlot {
        id: id.map_err(|error| Problem::caused(Code::Internal, error))?,
        period: sent.period,
        span: Span { start: sent.start_time, end: sent.end_time },
        slot_interval: sent.slot_interval.unwrap_or(DEFAULT_INTERVAL),
        max_concurrent: sent.max_concurrent.unwrap_or(DEFAULT_CONCURRENT),
        service: sent.service_id,
        effective_from: sent.effective_from,
        effective_until: sent.effective_until,
    })
}
