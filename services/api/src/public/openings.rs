//! The times of a day as clients are shown them, drawn up with the rules that would judge a booking.

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::catalog::Service;
use daybook_domain::rules::{self, Day, TimeSlot};
use daybook_domain::schedule::Rejection;
use daybook_domain::{ClockTime, Period, ReadModel};
use daybook_projections::query::Days;
use serde::Serialize;

use crate::texts::Said;

/// How much is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// More than 60 %.
    Available,
    /// Some.
    Limited,
    /// Nothing.
    Full,
}

impl Level {
    /// Above this many hundredths free it is `available`. Source: the old system's booking pages.
    const MANY_PERCENT: u64 = 60;

    /// The level of so much out of a total.
    pub(super) fn of(free: usize, total: usize) -> Self {
        match (free as u64, total as u64) {
            (0, _) => Self::Full,
            (free, total) if free * 100 > total * Self::MANY_PERCENT => Self::Available,
            (_, _) => Self::Limited,
        }
    }

    /// What is said about it.
    pub(super) const fn said(self) -> Said {
        match self {
            Self::Available => Said::ManyFree,
            Self::Limited => Said::FewFree,
            Self::Full => Said::NoneFree,
        }
    }
}

/// One start.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Slot {
    time: ClockTime,
    end_time: ClockTime,
    period: Period,
    available: bool,
    remaining: u32,
    total: u32,
    status: Level,
    current_bookings: u32,
    max_capacity: u32,
    is_manual_closed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    closure_reason: Option<Box<str>>,
}

/// The starts of one day for one service.
#[derive(Debug)]
pub(super) struct Availability {
    /// In the order of the day.
    pub(super) slots: Vec<Slot>,
    /// How many can be booked.
    pub(super) available: usize,
}

impl Availability {
    /// Draws them up.
    pub(super) fn of(day: &Day<'_>, service: &Service, judge: ReadModel) -> Self {
        let offers = rules::time_slots(day, service, judge.into());
        let slots: Vec<Slot> = offers.into_iter().map(|offer| slot(offer, service)).collect();
        let available = slots.iter().filter(|slot| slot.available).count();
        Self { slots, available }
    }

    /// How much of the day is free.
    pub(super) fn level(&self) -> Level {
        Level::of(self.available, self.slots.len())
    }
}

fn slot(offer: TimeSlot, service: &Service) -> Slot {
    let available = offer.refusal.is_none();
    let remaining = if available { offer.capacity.saturating_sub(offer.taken) } else { 0 };
    let closed = match offer.refusal {
        Some(Rejection::TimeClosed { reason }) => Some(reason),
        Some(_) | None => None,
    };
    Slot {
        time: offer.start,
        end_time: offer.start.plus(service.total_minutes()),
        period: offer.period,
        available,
        remaining,
        total: offer.capacity,
        status: Level::of(remaining as usize, offer.capacity as usize),
        current_bookings: offer.taken,
        max_capacity: offer.capacity,
        is_manual_closed: closed.is_some(),
        closure_reason: closed.flatten(),
    }
}

/// A day of what a view answered, to be judged on.
pub(super) fn day(days: &Days, date: NaiveDate, now: NaiveDateTime) -> Option<Day<'_>> {
    let sheet = days.sheets.get(&date)?;
    Some(Day { schedule: &sheet.book, hours: &days.hours, now })
}

/// Whether the clinic treats on a day, for this service.
pub(super) fn is_open(day: &Day<'_>, service: &Service) -> bool {
    day.hours.on(day.schedule.date).any(|slot| slot.admits(&service.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn above_sixty_percent_is_available_and_nothing_is_full() {
        for (free, total, level) in [
            (0, 0, Level::Full),
            (0, 10, Level::Full),
            (1, 10, Level::Limited),
            (6, 10, Level::Limited),
            (7, 10, Level::Available),
            (1, 1, Level::Available),
        ] {
            assert_eq!(Level::of(free, total), level, "{free}/{total}");
        }
    }
}
