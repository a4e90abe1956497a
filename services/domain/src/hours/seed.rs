//! The hours with which a clinic starts, as the migration plan has them: eleven stretches, Sunday closed.

use super::{ClinicHoursSet, ClinicSlot};
use crate::id::HoursId;
use crate::time::{ClockTime, DayOfWeek, Minutes, Period, Span};

/// Minutes between offered starts unless set otherwise.
const SLOT_INTERVAL: Minutes = 30;

/// Names of the weekdays in the ids of their stretches, Sunday first.
const DAY_NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A stretch by its period and its first and last hour.
type Stretch = (Period, u32, u32);

const WEEKDAY: [Stretch; 2] = [(Period::Morning, 9, 12), (Period::Afternoon, 14, 18)];
const SATURDAY: [Stretch; 1] = [(Period::Morning, 9, 13)];

/// The hours of Monday to Saturday.
pub fn first_hours() -> Vec<ClinicHoursSet> {
    let open = DayOfWeek::ALL.into_iter().zip(DAY_NAMES).filter(|(day, _)| day.number() != 0);
    open.map(|(day_of_week, name)| {
        let stretches: &[Stretch] = if day_of_week.number() == 6 { &SATURDAY } else { &WEEKDAY };
        let slots = stretches.iter().filter_map(|stretch| slot(name, *stretch)).collect();
        ClinicHoursSet { day_of_week, slots }
    })
    .collect()
}

fn slot(day: &str, (period, from, until): Stretch) -> Option<ClinicSlot> {
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
