//! The clinic's weekly hours: the time slots of each weekday, each with its number of seats.
//!
//! Stream `hours-main`, the consistency boundary for hours that must not overlap. It never knows about bookings. Order of
//! this file: events, state, commands, decide.

mod seed;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::id::{HoursId, ServiceId};
use crate::time::{ClockTime, DayOfWeek, Minutes, Period, Span};

pub use seed::first_hours;

/// Opening hours on one weekday: a row of `clinic_time_slots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClinicSlot {
    /// The id, which never changes.
    pub id: HoursId,
    /// The half of the day that clients see.
    pub period: Period,
    /// Start and end.
    #[serde(flatten)]
    pub span: Span,
    /// Time between two bookable starts.
    pub slot_interval: Minutes,
    /// Number of seats: bookings that can take place at the same minute.
    pub max_concurrent: u32,
    /// The only service that can use it; `None` for all.
    pub service: Option<ServiceId>,
    /// First date on which it applies.
    pub effective_from: Option<NaiveDate>,
    /// Last date on which it applies.
    pub effective_until: Option<NaiveDate>,
}

impl ClinicSlot {
    /// Whether it applies on a date of its weekday.
    pub fn applies_on(&self, date: NaiveDate) -> bool {
        self.effective_from.is_none_or(|from| from <= date)
            && self.effective_until.is_none_or(|until| date <= until)
    }

    /// Whether a service can use it.
    pub fn admits(&self, service: &ServiceId) -> bool {
        self.service.as_ref().is_none_or(|only| only == service)
    }

    fn shares_dates_with(&self, other: &Self) -> bool {
        let ends_before = |a: &Self, b: &Self| {
            a.effective_until.zip(b.effective_from).is_some_and(|(end, from)| end < from)
        };
        !ends_before(self, other) && !ends_before(other, self)
    }
}

/// An event of the clinic's hours.
#[derive(Debug, Clone, PartialEq)]
pub enum HoursEvent {
    /// The hours of one weekday were set.
    ClinicHoursSet(ClinicHoursSet),
}

/// The complete hours of one weekday; no slots mean closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClinicHoursSet {
    pub day_of_week: DayOfWeek,
    /// Sorted by start.
    pub slots: Vec<ClinicSlot>,
}

/// The current hours of the clinic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    days: BTreeMap<DayOfWeek, Vec<ClinicSlot>>,
}

/// The business fact that prevented a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursRejection {
    /// Two slots overlap on a date on which both apply.
    #[error("{first} and {second} overlap")]
    HoursOverlap {
        /// The earlier slot.
        first: HoursId,
        /// The later slot.
        second: HoursId,
    },
    /// A slot ends before it starts, or a number is out of range.
    #[error("{id}: {rule}")]
    SlotOutOfRange {
        id: HoursId,
        /// The allowed values, in words.
        rule: &'static str,
    },
    /// A weekday has too many slots.
    #[error("a weekday has at most {MAX_SLOTS_PER_DAY} time slots")]
    TooManySlots,
}

/// Maximum number of slots on one weekday.
pub const MAX_SLOTS_PER_DAY: usize = 48;

impl Hours {
    /// The slots that apply on a date, sorted by start.
    pub fn on(&self, date: NaiveDate) -> impl Iterator<Item = &ClinicSlot> {
        self.days
            .get(&DayOfWeek::from_date(date))
            .into_iter()
            .flatten()
            .filter(move |slot| slot.applies_on(date))
    }

    /// All slots with their weekdays.
    pub fn week(&self) -> impl Iterator<Item = (DayOfWeek, &ClinicSlot)> {
        self.days.iter().flat_map(|(day, slots)| slots.iter().map(|slot| (*day, slot)))
    }

    /// Whether hours were never set.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// The period of a time: that of the slot that contains it on this date, otherwise morning before noon.
    pub fn period_of(&self, date: NaiveDate, time: ClockTime) -> Period {
        self.on(date)
            .find(|slot| slot.span.contains(time))
            .map_or_else(|| Period::by_clock(time), |slot| slot.period)
    }

    /// Applies one event.
    pub fn evolve(&mut self, event: &HoursEvent) {
        match event {
            HoursEvent::ClinicHoursSet(set) => {
                self.days.insert(set.day_of_week, set.slots.clone());
            }
        }
    }

    /// Decides to set the hours of one weekday: the event (none if they are set already), or a rejection.
    pub fn decide(&self, mut hours_set: ClinicHoursSet) -> Result<Vec<HoursEvent>, HoursRejection> {
        if hours_set.slots.len() > MAX_SLOTS_PER_DAY {
            return Err(HoursRejection::TooManySlots);
        }
        hours_set.slots.sort_by(|a, b| (a.span.start, &a.id).cmp(&(b.span.start, &b.id)));
        hours_set.slots.iter().try_for_each(check_slot)?;
        for (index, first) in hours_set.slots.iter().enumerate() {
            hours_set.slots.iter().skip(index + 1).try_for_each(|second| check_no_overlap(first, second))?;
        }
        let same = self.days.get(&hours_set.day_of_week).is_some_and(|slots| *slots == hours_set.slots);
        Ok(if same { vec![] } else { vec![HoursEvent::ClinicHoursSet(hours_set)] })
    }
}

fn check_slot(slot: &ClinicSlot) -> Result<(), HoursRejection> {
    let checks = [
        (slot.span.start >= slot.span.end, "it must end after it starts"),
        (!(5..=240).contains(&slot.slot_interval), "bookable starts are 5 to 240 minutes apart"),
        (!(1..=100).contains(&slot.max_concurrent), "1 to 100 bookings at the same time"),
        (
            slot.effective_from.zip(slot.effective_until).is_some_and(|(from, until)| until < from),
            "its last date is before its first date",
        ),
    ];
    match checks.into_iter().find(|(is_violated, _)| *is_violated) {
        Some((_, rule)) => Err(HoursRejection::SlotOutOfRange { id: slot.id.clone(), rule }),
        None => Ok(()),
    }
}

fn check_no_overlap(first: &ClinicSlot, second: &ClinicSlot) -> Result<(), HoursRejection> {
    if first.span.overlaps(second.span) && first.shares_dates_with(second) && first.service == second.service
    {
        return Err(HoursRejection::HoursOverlap { first: first.id.clone(), second: second.id.clone() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded() -> Hours {
        let mut hours = Hours::default();
        for set in first_hours() {
            hours.decide(set).unwrap().iter().for_each(|event| hours.evolve(event));
        }
        hours
    }

    #[test]
    fn the_first_hours_are_eleven_slots_with_sunday_closed() {
        let hours = seeded();
        assert_eq!(hours.week().count(), 11);
        let sunday = NaiveDate::from_ymd_opt(2026, 12, 6).unwrap();
        assert_eq!(hours.on(sunday).count(), 0);
    }

    #[test]
    fn half_past_noon_on_saturday_is_morning_because_the_morning_slot_contains_it() {
        let hours = seeded();
        let noon = "12:30".parse().unwrap();
        let saturday = NaiveDate::from_ymd_opt(2026, 12, 5).unwrap();
        assert_eq!(hours.period_of(saturday, noon), Period::Morning);
        assert_eq!(hours.period_of(saturday.pred_opt().unwrap(), noon), Period::Afternoon);
    }

    #[test]
    fn slots_of_a_weekday_cannot_overlap_and_setting_the_same_hours_causes_no_event() {
        let hours = seeded();
        let mut monday = first_hours().remove(0);
        assert_eq!(hours.decide(monday.clone()), Ok(vec![]));
        monday.slots[0].span.end = "15:00".parse().unwrap();
        assert!(matches!(hours.decide(monday), Err(HoursRejection::HoursOverlap { .. })));
    }
}
