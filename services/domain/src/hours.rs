//! The clinic's weekly hours: for each weekday the stretches in which it treats, and how many at once.
//!
//! Stream `hours-main`. Consistency boundary of hours that do not overlap. Order of this file: events, state,
//! commands, decide.

mod seed;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::id::{HoursId, ServiceId};
use crate::time::{ClockTime, DayOfWeek, Minutes, Period, Span};

pub use seed::first_hours;

/// One stretch of clinic time on one weekday: a row of `clinic_time_slots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClinicSlot {
    /// Its id for ever.
    pub id: HoursId,
    /// The half of the day under which it is shown.
    pub period: Period,
    /// From when until when.
    #[serde(flatten)]
    pub span: Span,
    /// Minutes between the starts that are offered.
    pub slot_interval: Minutes,
    /// Bookings that may run at the same time.
    pub max_concurrent: u32,
    /// The only service that may use it; none means all.
    pub service: Option<ServiceId>,
    /// First date on which it holds.
    pub effective_from: Option<NaiveDate>,
    /// Last date on which it holds.
    pub effective_until: Option<NaiveDate>,
}

impl ClinicSlot {
    /// Whether it holds on a date of its weekday.
    pub fn holds_on(&self, date: NaiveDate) -> bool {
        self.effective_from.is_none_or(|from| from <= date)
            && self.effective_until.is_none_or(|until| date <= until)
    }

    /// Whether a service may use it.
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

/// Everything that can happen to the clinic's hours.
#[derive(Debug, Clone, PartialEq)]
pub enum HoursEvent {
    /// The hours of one weekday were set.
    ClinicHoursSet(ClinicHoursSet),
}

/// The hours of one weekday from here on, all of them; none means closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClinicHoursSet {
    /// Which weekday.
    pub day_of_week: DayOfWeek,
    /// Its stretches in the order of the day.
    pub slots: Vec<ClinicSlot>,
}

/// The clinic's hours as their events left them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    days: BTreeMap<DayOfWeek, Vec<ClinicSlot>>,
}

/// The fact that stopped a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursRejection {
    /// Two stretches share a minute on a date on which both hold.
    #[error("{first} and {second} overlap")]
    HoursOverlap {
        /// One of the two.
        first: HoursId,
        /// The other.
        second: HoursId,
    },
    /// A stretch ends before it starts, or its numbers are out of range.
    #[error("{id}: {rule}")]
    SlotOutOfRange {
        /// Which stretch.
        id: HoursId,
        /// What is allowed.
        rule: &'static str,
    },
    /// More stretches than a day can hold.
    #[error("a weekday has at most {MAX_SLOTS_PER_DAY} stretches of clinic time")]
    TooManySlots,
}

/// Stretches of clinic time on one weekday, at most.
pub const MAX_SLOTS_PER_DAY: usize = 48;

impl Hours {
    /// The stretches that hold on a date, in the order of the day.
    pub fn on(&self, date: NaiveDate) -> impl Iterator<Item = &ClinicSlot> {
        self.days.get(&DayOfWeek::of(date)).into_iter().flatten().filter(move |slot| slot.holds_on(date))
    }

    /// All stretches by weekday.
    pub fn week(&self) -> impl Iterator<Item = (DayOfWeek, &ClinicSlot)> {
        self.days.iter().flat_map(|(day, slots)| slots.iter().map(|slot| (*day, slot)))
    }

    /// Whether hours were never set.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// The period of a time: that of the stretch that contains it on this date, else the half of the day by the clock.
    pub fn period_of(&self, date: NaiveDate, time: ClockTime) -> Period {
        self.on(date)
            .find(|slot| slot.span.contains(time))
            .map_or_else(|| Period::by_clock(time), |slot| slot.period)
    }

    /// Takes in one event.
    pub fn evolve(&mut self, event: &HoursEvent) {
        match event {
            HoursEvent::ClinicHoursSet(set) => {
                self.days.insert(set.day_of_week, set.slots.clone());
            }
        }
    }

    /// Decides to set the hours of one weekday: the event, none where they are so already, or the fact that stops it.
    pub fn decide(&self, mut wanted: ClinicHoursSet) -> Result<Vec<HoursEvent>, HoursRejection> {
        if wanted.slots.len() > MAX_SLOTS_PER_DAY {
            return Err(HoursRejection::TooManySlots);
        }
        wanted.slots.sort_by(|a, b| (a.span.start, &a.id).cmp(&(b.span.start, &b.id)));
        wanted.slots.iter().try_for_each(check_slot)?;
        for (place, first) in wanted.slots.iter().enumerate() {
            wanted.slots.iter().skip(place + 1).try_for_each(|second| check_apart(first, second))?;
        }
        let same = self.days.get(&wanted.day_of_week).is_some_and(|slots| *slots == wanted.slots);
        Ok(if same { vec![] } else { vec![HoursEvent::ClinicHoursSet(wanted)] })
    }
}

fn check_slot(slot: &ClinicSlot) -> Result<(), HoursRejection> {
    let broken = [
        (slot.span.start >= slot.span.end, "it must end after it starts"),
        (!(5..=240).contains(&slot.slot_interval), "starts are offered every 5 to 240 minutes"),
        (!(1..=100).contains(&slot.max_concurrent), "1 to 100 bookings at the same time"),
        (
            slot.effective_from.zip(slot.effective_until).is_some_and(|(from, until)| until < from),
            "its dates are reversed",
        ),
    ];
    match broken.into_iter().find(|(is_broken, _)| *is_broken) {
        Some((_, rule)) => Err(HoursRejection::SlotOutOfRange { id: slot.id.clone(), rule }),
        None => Ok(()),
    }
}

fn check_apart(first: &ClinicSlot, second: &ClinicSlot) -> Result<(), HoursRejection> {
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
    fn the_first_hours_are_eleven_stretches_with_sunday_closed() {
        let hours = seeded();
        assert_eq!(hours.week().count(), 11);
        let sunday = NaiveDate::from_ymd_opt(2026, 12, 6).unwrap();
        assert_eq!(hours.on(sunday).count(), 0);
    }

    #[test]
    fn a_saturday_noon_is_morning_because_the_morning_stretch_contains_it() {
        let hours = seeded();
        let noon = "12:30".parse().unwrap();
        let saturday = NaiveDate::from_ymd_opt(2026, 12, 5).unwrap();
        assert_eq!(hours.period_of(saturday, noon), Period::Morning);
        assert_eq!(hours.period_of(saturday.pred_opt().unwrap(), noon), Period::Afternoon);
    }

    #[test]
    fn stretches_of_a_weekday_do_not_overlap_and_the_same_hours_make_no_event() {
        let hours = seeded();
        let mut monday = first_hours().remove(0);
        assert_eq!(hours.decide(monday.clone()), Ok(vec![]));
        monday.slots[0].span.end = "15:00".parse().unwrap();
        assert!(matches!(hours.decide(monday), Err(HoursRejection::HoursOverlap { .. })));
    }
}
