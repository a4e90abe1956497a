//! The clinic's weekly hours: the time slots of each weekday, each with its number of seats.
//!
//! Stream `hours-main`, the consistency boundary for hours that must not overlap. It never knows about bookings. Order of
//! this file: events, state, commands, decide.

mod seed;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::event::Impossible;
use crate::id::{HoursId, ServiceId};
use crate::time::{ClockTime, DayOfWeek, Minutes, Period, Span};
use crate::value::{self, Checks, Faults, Range, Relation};

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

    /// Whether both are hours of the same services, at some time.
    fn overlaps(&self, other: &Self) -> bool {
        self.span.overlaps(other.span) && self.shares_dates_with(other) && self.service == other.service
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
    /// The id belongs to another slot, of the same weekday or another one.
    #[error(
        "the id {id} belongs to another slot on day {day_of_week} of the week; leave it out for a new slot"
    )]
    SlotIdTaken {
        id: HoursId,
        /// The weekday of that slot, from 0 (Sunday).
        day_of_week: u8,
    },
    /// Values outside their ranges.
    #[error(transparent)]
    OutOfRange(#[from] Faults),
}

impl Hours {
    /// The hours of the rows of a view. They are not decided again: an earlier release may have accepted other values.
    pub fn from_week(week: impl IntoIterator<Item = (DayOfWeek, ClinicSlot)>) -> Self {
        let mut days: BTreeMap<DayOfWeek, Vec<ClinicSlot>> = BTreeMap::new();
        for (day, slot) in week {
            days.entry(day).or_default().push(slot);
        }
        days.values_mut().for_each(|slots| sort(slots));
        Self { days }
    }

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

    /// An id for a new slot of a weekday: the first of `cts_<day>_<number>` that no slot of the clinic has. `used` are
    /// the ids of the weekday's other slots.
    pub fn new_slot_id(&self, day: DayOfWeek, used: &[HoursId]) -> Option<HoursId> {
        let ids =
            (1..).map_while(|number: u32| HoursId::parse(format!("cts_{}_{number}", day.number())).ok());
        ids.into_iter().find(|id| !used.contains(id) && self.other_day_with(day, id).is_none())
    }

    /// The weekday, other than `day`, that has a slot with this id.
    fn other_day_with(&self, day: DayOfWeek, id: &HoursId) -> Option<DayOfWeek> {
        self.week().find(|(other, slot)| *other != day && slot.id == *id).map(|(other, _)| other)
    }

    /// Decides to set the hours of one weekday: the event (none if they are set already), or a rejection.
    pub fn decide(&self, mut hours_set: ClinicHoursSet) -> Result<Vec<HoursEvent>, HoursRejection> {
        check_values(&hours_set)?;
        sort(&mut hours_set.slots);
        self.check_ids(&hours_set)?;
        if let Some((first, second)) = hours_set.overlap() {
            return Err(HoursRejection::HoursOverlap { first: first.id.clone(), second: second.id.clone() });
        }
        let same = self.days.get(&hours_set.day_of_week).is_some_and(|slots| *slots == hours_set.slots);
        Ok(if same { vec![] } else { vec![HoursEvent::ClinicHoursSet(hours_set)] })
    }
}

fn sort(slots: &mut [ClinicSlot]) {
    slots.sort_by(|a, b| (a.span.start, &a.id).cmp(&(b.span.start, &b.id)));
}

impl ClinicHoursSet {
    /// Checks what was checked from the first release on.
    pub(crate) fn check_possible(&self) -> Result<(), Impossible> {
        let mut checks = Checks::default();
        self.check_slots(&mut checks, check_slot);
        checks.finish()?;
        if self.overlap().is_some() { Err(Impossible::Overlap) } else { Ok(()) }
    }

    fn check_slots(&self, checks: &mut Checks, check: SlotCheck) {
        checks.check("slots", value::SLOTS_PER_DAY.check(self.slots.len().try_into().unwrap_or(u32::MAX)));
        for (index, slot) in self.slots.iter().enumerate() {
            check(checks, &|field| format!("slots[{index}].{field}"), slot);
        }
    }

    /// Two slots that overlap on a date on which both apply.
    fn overlap(&self) -> Option<(&ClinicSlot, &ClinicSlot)> {
        let pairs =
            self.slots.iter().enumerate().flat_map(|(index, first)| {
                self.slots.iter().skip(index + 1).map(move |second| (first, second))
            });
        pairs.into_iter().find(|(first, second)| first.overlaps(second))
    }
}

/// Checks the values of a slot, whose fields have the names that the function gives them.
type SlotCheck = fn(&mut Checks, &dyn Fn(&str) -> String, &ClinicSlot);

fn check_values(hours_set: &ClinicHoursSet) -> Result<(), Faults> {
    let mut checks = Checks::default();
    hours_set.check_slots(&mut checks, |checks, name, slot| {
        check_slot(checks, name, slot);
        check_dates(checks, name, slot);
    });
    checks.finish()
}

fn check_dates(checks: &mut Checks, name: &dyn Fn(&str) -> String, slot: &ClinicSlot) {
    for (field, date) in [("effectiveFrom", slot.effective_from), ("effectiveUntil", slot.effective_until)] {
        checks.check_some(name(field), date, |date| value::CLINIC_DAYS.check(date));
    }
}

fn check_slot(checks: &mut Checks, name: &dyn Fn(&str) -> String, slot: &ClinicSlot) {
    let ends =
        if slot.span.start < slot.span.end { Ok(()) } else { Err(Range::Relation(Relation::LaterThanStart)) };
    let ends_early = slot.effective_from.zip(slot.effective_until).is_some_and(|(from, until)| until < from);
    checks
        .check(name("endTime"), ends)
        .check(name("slotInterval"), value::SLOT_INTERVAL.check(slot.slot_interval))
        .check(name("maxConcurrent"), value::MAX_CONCURRENT.check(slot.max_concurrent))
        .check(
            name("effectiveUntil"),
            if ends_early { Err(Range::Relation(Relation::NotBeforeFirstDate)) } else { Ok(()) },
        );
}

impl Hours {
    /// Every slot of the clinic has an id of its own, on whatever weekday it is: the views know a slot by its id.
    fn check_ids(&self, hours_set: &ClinicHoursSet) -> Result<(), HoursRejection> {
        for (index, slot) in hours_set.slots.iter().enumerate() {
            let is_repeated = hours_set.slots.iter().skip(index + 1).any(|other| other.id == slot.id);
            let owner = if is_repeated {
                Some(hours_set.day_of_week)
            } else {
                self.other_day_with(hours_set.day_of_week, &slot.id)
            };
            if let Some(owner) = owner {
                let (id, day_of_week) = (slot.id.clone(), owner.number());
                return Err(HoursRejection::SlotIdTaken { id, day_of_week });
            }
        }
        Ok(())
    }
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
    fn a_slot_id_belongs_to_one_slot_of_the_whole_week() {
        let hours = seeded();
        let monday = first_hours().remove(0);
        let [sunday, ..] = DayOfWeek::ALL;
        let copied = ClinicHoursSet { day_of_week: sunday, ..monday.clone() };
        let taken = |id: &HoursId| Err(HoursRejection::SlotIdTaken { id: id.clone(), day_of_week: 1 });
        assert_eq!(hours.decide(copied), taken(&monday.slots[0].id));
        let mut twice = monday.clone();
        twice.slots[1].id = twice.slots[0].id.clone();
        assert_eq!(hours.decide(twice), taken(&monday.slots[0].id));
        // Hours that an older release copied can be set right.
        let mut poisoned = hours.clone();
        poisoned
            .evolve(&HoursEvent::ClinicHoursSet(ClinicHoursSet { day_of_week: sunday, ..monday.clone() }));
        let closed = ClinicHoursSet { day_of_week: sunday, slots: vec![] };
        assert_eq!(poisoned.decide(closed).map(|events| events.len()), Ok(1));
    }

    #[test]
    fn a_new_slot_gets_an_id_that_no_slot_has() {
        let hours = seeded();
        let [_, monday, tuesday, ..] = DayOfWeek::ALL;
        let id = |text: &str| HoursId::parse(text).unwrap();
        assert_eq!(hours.new_slot_id(monday, &[]), Some(id("cts_1_1")));
        assert_eq!(hours.new_slot_id(monday, &[id("cts_1_1")]), Some(id("cts_1_2")));
        let mut moved = first_hours().remove(1);
        moved.slots[0].id = id("cts_1_1");
        let mut hours = hours;
        hours.decide(moved).unwrap().iter().for_each(|event| hours.evolve(event));
        assert_eq!(hours.new_slot_id(monday, &[]), Some(id("cts_1_2")));
        assert_eq!(hours.new_slot_id(tuesday, &[]), Some(id("cts_2_1")));
    }

    #[test]
    fn all_wrong_values_of_a_weekday_are_named_with_their_ranges() {
        let mut monday = first_hours().remove(0);
        monday.slots[0].max_concurrent = 101;
        monday.slots[0].effective_from = Some("0000-01-01".parse().unwrap());
        monday.slots[1].slot_interval = 0;
        monday.slots[1].span.end = monday.slots[1].span.start;
        let refused = seeded().decide(monday).unwrap_err().to_string();
        assert_eq!(
            refused,
            "slots[0].maxConcurrent: 1 to 100; slots[0].effectiveFrom: 1900-01-01 to 2199-12-31; \
             slots[1].endTime: later than the start; slots[1].slotInterval: 5 to 240 minutes"
        );
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
