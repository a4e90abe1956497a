//! The clinic's weekly hours in admin responses.

use chrono::NaiveDate;
use daybook_domain::hours::{ClinicSlot, Hours};
use daybook_domain::time::DayOfWeek;
use daybook_domain::{ClockTime, HoursId, Period, ServiceId};
use serde::Serialize;

/// The hours of the whole week.
#[derive(Debug, Serialize)]
pub(super) struct ClinicHoursResponse {
    success: bool,
    slots: Vec<ClinicSlotResponse>,
}

/// One row of clinic hours, as in the old system's `clinic_time_slots`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClinicSlotResponse {
    id: HoursId,
    day_of_week: DayOfWeek,
    period: Period,
    start_time: ClockTime,
    end_time: ClockTime,
    total_minutes: u32,
    slot_interval: u32,
    max_concurrent: u32,
    service_id: Option<ServiceId>,
    effective_from: Option<NaiveDate>,
    effective_until: Option<NaiveDate>,
}

impl From<(DayOfWeek, &ClinicSlot)> for ClinicSlotResponse {
    fn from((day_of_week, slot): (DayOfWeek, &ClinicSlot)) -> Self {
        Self {
            id: slot.id.clone(),
            day_of_week,
            period: slot.period,
            start_time: slot.span.start,
            end_time: slot.span.end,
            total_minutes: slot.span.minutes(),
            slot_interval: slot.slot_interval,
            max_concurrent: slot.max_concurrent,
            service_id: slot.service.clone(),
            effective_from: slot.effective_from,
            effective_until: slot.effective_until,
        }
    }
}

impl From<&Hours> for ClinicHoursResponse {
    fn from(hours: &Hours) -> Self {
        Self { success: true, slots: hours.week().map(ClinicSlotResponse::from).collect() }
    }
}
