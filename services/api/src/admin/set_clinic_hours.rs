//! `PUT /api/admin/clinic-hours`: replaces the hours of one weekday.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use daybook_domain::hours::{ClinicHoursSet, ClinicSlot};
use daybook_domain::rules::impact;
use daybook_domain::time::{DayOfWeek, Span};
use daybook_domain::{ClockTime, HoursId, Period, ServiceId};
use serde::{Deserialize, Serialize};

use super::clinic_hours::ClinicHoursResponse;
use crate::concerned::{AffectedBookings, Concerned};
use crate::problem::{Code, Problem};
use crate::request::{RequestContext, json};
use crate::response;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

/// Default minutes between start times. Source: the old system's table.
const DEFAULT_INTERVAL: u32 = 30;

/// Default number of bookings at the same time. Source: the old system's table.
const DEFAULT_CONCURRENT: u32 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetClinicHoursRequest {
    day_of_week: DayOfWeek,
    slots: Vec<ClinicSlotRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClinicSlotRequest {
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
struct SetClinicHoursResponse {
    #[serde(flatten)]
    hours: ClinicHoursResponse,
    /// The open bookings that no longer fit into the hours.
    #[serde(flatten)]
    affected: AffectedBookings,
}

/// Sets the hours of one weekday. No slots mean closed.
pub(crate) async fn set_clinic_hours(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let SetClinicHoursRequest { day_of_week, slots } = json::read(payload).await?;
    let catalog = state.commands.catalog();
    if slots.iter().filter_map(|slot| slot.service_id.as_ref()).any(|id| catalog.get(id).is_none()) {
        return Err(Problem::field(Code::UnknownService, "serviceId"));
    }
    let slots = slots.into_iter().zip(1..).map(|(slot, number)| slot.into_slot(day_of_week, number));
    let hours = ClinicHoursSet { day_of_week, slots: slots.collect::<Result<_, _>>()? };
    let (origin, before) = (context.origin(staff.actor(), None), state.commands.hours());
    let position = state.execute(|commands| async move { commands.set_hours(hours, origin).await }).await?;
    let (after, now) = (state.commands.hours(), state.commands.now_local());
    let concerned = state.days_after(position).await.map(|days| {
        Concerned::in_days(&days, |schedule, id, booking| {
            DayOfWeek::from_date(schedule.date) == day_of_week
                && catalog.get(&booking.service).is_some_and(|service| {
                    impact::is_hit_by_hours(schedule, (&before, &after), service, (id, booking), now)
                })
        })
    });
    let (hours, affected) = (ClinicHoursResponse::from(&*after), concerned.into());
    response::recorded(None, position, &SetClinicHoursResponse { hours, affected })
}

impl ClinicSlotRequest {
    /// `number` is the place of the slot on its day, from 1. It is part of the id of a new slot.
    fn into_slot(self, day: DayOfWeek, number: usize) -> Result<ClinicSlot, Problem> {
        let new_id = || HoursId::parse(format!("cts_{}_{number}", day.number()));
        let id = self.id.map_or_else(new_id, Ok);
        Ok(ClinicSlot {
            id: id.map_err(|error| Problem::caused(Code::Internal, error))?,
            period: self.period,
            span: Span { start: self.start_time, end: self.end_time },
            slot_interval: self.slot_interval.unwrap_or(DEFAULT_INTERVAL),
            max_concurrent: self.max_concurrent.unwrap_or(DEFAULT_CONCURRENT),
            service: self.service_id,
            effective_from: self.effective_from,
            effective_until: self.effective_until,
        })
    }
}
