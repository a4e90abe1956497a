//! `PUT /api/admin/clinic-hours`: replaces the hours of one weekday.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use daybook_commands::ChangeOutcome;
use daybook_domain::catalog::Catalog;
use daybook_domain::hours::{ClinicHoursSet, ClinicSlot, Hours};
use daybook_domain::rules::impact;
use daybook_domain::time::{DayOfWeek, Span};
use daybook_domain::value::{self, Range, Relation};
use daybook_domain::{ClockTime, HoursId, Period, ServiceId};
use serde::Serialize;

use super::clinic_hours::ClinicHoursResponse;
use crate::concerned::{AffectedBookings, Concerned};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

/// Default minutes between start times. Source: the old system's table.
const DEFAULT_INTERVAL: u32 = 30;

/// Default number of bookings at the same time. Source: the old system's table.
const DEFAULT_CONCURRENT: u32 = 1;

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
    staff.require(Permission::Catalog)?;
    let catalog = state.commands.catalog();
    let hours = hours(Form::read(payload).await?, &catalog, &state.commands.hours())?;
    let (origin, day_of_week) = (context.origin(staff.actor(), None), hours.day_of_week);
    let set = state.execute(|commands| async move { commands.set_hours(hours, origin).await });
    let ChangeOutcome { position, before, after, .. } = set.await?;
    let now = state.commands.now();
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

fn hours(mut form: Form, catalog: &Catalog, current: &Hours) -> Result<ClinicHoursSet, Problem> {
    let day = form.number("dayOfWeek", value::DAY_OF_WEEK);
    let day = form.required("dayOfWeek", day);
    let rows = form.rows("slots", |row| slot_form(row, catalog));
    let rows = form.required("slots", rows).unwrap_or_default();
    if let Err(range) = value::SLOTS_PER_DAY.check(rows.len().try_into().unwrap_or(u32::MAX)) {
        form.fault("slots", Code::InvalidField, Some(range));
    }
    form.finish()?;
    let day_of_week = day.and_then(|day| u8::try_from(day).ok()?.try_into().ok());
    let day_of_week = day_of_week.ok_or_else(|| Problem::missing_fields(vec!["dayOfWeek"]))?;
    Ok(ClinicHoursSet { day_of_week, slots: with_ids(rows, day_of_week, current)? })
}

/// A slot as a client sends it.
struct SlotForm {
    /// None for a new slot.
    id: Option<HoursId>,
    period: Period,
    span: Span,
    slot_interval: u32,
    max_concurrent: u32,
    service: Option<ServiceId>,
    effective_from: Option<NaiveDate>,
    effective_until: Option<NaiveDate>,
}

fn slot_form(row: &mut Form, catalog: &Catalog) -> Option<SlotForm> {
    let id = row.parsed("id", Code::InvalidField, Some(value::ID), |text| HoursId::parse(text).ok());
    let period = row.parsed("period", Code::InvalidPeriod, None, |text| text.parse().ok());
    let period = row.required("period", period);
    let start: Option<ClockTime> = row.parsed("startTime", Code::InvalidTime, None, |text| text.parse().ok());
    let start = row.required("startTime", start);
    let end = row.parsed("endTime", Code::InvalidTime, None, |text| text.parse().ok());
    let end = row.required("endTime", end);
    if start.zip(end).is_some_and(|(start, end)| end <= start) {
        row.fault("endTime", Code::InvalidField, Some(Range::Relation(Relation::LaterThanStart)));
    }
    let slot_interval = row.number("slotInterval", value::SLOT_INTERVAL).unwrap_or(DEFAULT_INTERVAL);
    let max_concurrent = row.number("maxConcurrent", value::MAX_CONCURRENT).unwrap_or(DEFAULT_CONCURRENT);
    let known = |text: &str| catalog.find(text).map(|service| service.id.clone());
    let service = row.parsed("serviceId", Code::UnknownService, None, known);
    let effective_from = row.date("effectiveFrom", value::CLINIC_DAYS);
    let effective_until = row.date("effectiveUntil", value::CLINIC_DAYS);
    if effective_from.zip(effective_until).is_some_and(|(from, until)| until < from) {
        let range = Range::Relation(Relation::NotBeforeFirstDate);
        row.fault("effectiveUntil", Code::InvalidField, Some(range));
    }
    let (period, span) = (period?, Span { start: start?, end: end? });
    Some(SlotForm {
        id,
        period,
        span,
        slot_interval,
        max_concurrent,
        service,
        effective_from,
        effective_until,
    })
}

/// Gives each new slot an id that no other slot of the clinic has.
fn with_ids(rows: Vec<SlotForm>, day: DayOfWeek, current: &Hours) -> Result<Vec<ClinicSlot>, Problem> {
    let mut used: Vec<HoursId> = rows.iter().filter_map(|row| row.id.clone()).collect();
    let mut slots = Vec::with_capacity(rows.len());
    for row in rows {
        let id = match row.id {
            Some(id) => id,
            None => {
                let id = current.new_slot_id(day, &used).ok_or_else(|| Problem::new(Code::Internal))?;
                used.push(id.clone());
                id
            }
        };
        slots.push(ClinicSlot {
            id,
            period: row.period,
            span: row.span,
            slot_interval: row.slot_interval,
            max_concurrent: row.max_concurrent,
            service: row.service,
            effective_from: row.effective_from,
            effective_until: row.effective_until,
        });
    }
    Ok(slots)
}
