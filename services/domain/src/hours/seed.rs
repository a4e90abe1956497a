//! The hours of a new clinic, as listed in `docs/legacy-system.md`: eleven slots, closed on Sunday.

use super::{ClinicHoursSet, ClinicSlot};
use crate::id::HoursId;
use crate::time::{ClockTime, DayOfWeek, Minutes, Period, Span};

/// Time between two bookable starts.
const SLOT_INTERVAL: Minutes = 30;

/// The weekdays as written in the ids of their slots, Sunday first.
const DAY_NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Period, opening hour, closing hour.
type OpeningHours = (Period, u32, u32);

const WEEKDAY: [OpeningHours; 2] = [(Period::Morning, 9, 12), (Period::Afternoon, 14, 18)];
const SATURDAY: [OpeningHours; 1] = [(Period::Morning, 9, 13)];

/// Returns the hours of Monday to Saturday.
pub fn first_hours() -> Vec<ClinicHoursSet> {
    let open = DayOfWeek::ALL.into_iter().zip(DAY_NAMES).filter(|(day, _)| day.number() != 0);
    open.map(|(day_of_week, name)| {
        let opening_hours: &[OpeningHours] = if day_of_week.number() == 6 { &SATURDAY } else { &WEEKDAY };
        let slots = opening_hours.iter().filter_map(|hours| slot(name, *hours)).collect();
        ClinicHoursSet { day_of_week, slots }
    })
    .collect()
}

fn slot(day: &str, (period, from, until): OpeningHours) -> Option<ClinicSlot> {
    Some(ClinicSlot {
        id: HoursId::parse(format!("cts_{day}_{}", period.as_str().to_lowercase())).ok()?,
        period,
        span: Span { start: ClockTime::new(from, 0)?, end: ClockTime::new(until, 0)? },
        slot_interval: SLOT_INTERVAL,
        max_concurrent: 1,
        service: None,
        effective_from: None,
        effective_until: None,
    })
}
