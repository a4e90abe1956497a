//! The start times of a day as booking clients see them, calculated by the rule set that would decide a booking.

use chrono::NaiveDate;
use daybook_domain::catalog::Service;
use daybook_domain::rules::{self, Day, TimeSlot};
use daybook_domain::schedule::Rejection;
use daybook_domain::time::ClinicNow;
use daybook_domain::{ClockTime, Period, ReadModel};
use daybook_projections::Question;
use daybook_projections::query::{Days, QueryResult};
use serde::Serialize;

use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::state::State;
use crate::texts::Notice;

/// How much is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AvailabilityLevel {
    /// More than 60 %.
    Available,
    /// Up to 60 %.
    Limited,
    Full,
}

impl AvailabilityLevel {
    /// The level is `available` above this percentage. Source: the old system's booking pages.
    const MANY_PERCENT: u64 = 60;

    pub(super) fn from_counts(free: usize, total: usize) -> Self {
        match (free as u64, total as u64) {
            (0, _) => Self::Full,
            (free, total) if free * 100 > total * Self::MANY_PERCENT => Self::Available,
            (_, _) => Self::Limited,
        }
    }

    /// The notice for clients.
    pub(super) const fn notice(self, is_open: bool) -> Notice {
        match self {
            _ if !is_open => Notice::ClinicClosed,
            Self::Available => Notice::ManyTimesFree,
            Self::Limited => Notice::FewTimesFree,
            Self::Full => Notice::FullyBooked,
        }
    }
}

/// One start time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TimeSlotResponse {
    time: ClockTime,
    end_time: ClockTime,
    period: Period,
    available: bool,
    remaining: u32,
    total: u32,
    status: AvailabilityLevel,
    current_bookings: u32,
    max_capacity: u32,
    is_manual_closed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    closure_reason: Option<Box<str>>,
}

/// The start times of one day for one service.
#[derive(Debug)]
pub(super) struct Availability {
    /// In the order of the day.
    pub(super) slots: Vec<TimeSlotResponse>,
    /// The number of slots that can be booked.
    pub(super) available: usize,
}

impl Availability {
    pub(super) fn calculate(day: &Day<'_>, service: &Service, read_model: ReadModel) -> Self {
        let slots = rules::time_slots(day, service, read_model.into());
        let slots: Vec<_> = slots.into_iter().map(TimeSlotResponse::from).collect();
        let available = slots.iter().filter(|slot| slot.available).count();
        Self { slots, available }
    }

    /// How much of the day is free.
    pub(super) fn level(&self) -> AvailabilityLevel {
        AvailabilityLevel::from_counts(self.available, self.slots.len())
    }
}

impl From<TimeSlot> for TimeSlotResponse {
    fn from(slot: TimeSlot) -> Self {
        let available = slot.refusal.is_none();
        let remaining = if available { slot.capacity.saturating_sub(slot.taken) } else { 0 };
        let closed = match slot.refusal {
            Some(Rejection::TimeClosed { reason }) => Some(reason),
            Some(_) | None => None,
        };
        Self {
            time: slot.start,
            end_time: slot.end,
            period: slot.period,
            available,
            remaining,
            total: slot.capacity,
            status: AvailabilityLevel::from_counts(remaining as usize, slot.capacity as usize),
            current_bookings: slot.taken,
            max_capacity: slot.capacity,
            is_manual_closed: closed.is_some(),
            closure_reason: closed.flatten(),
        }
    }
}

/// Reads one day from the routed view. Refuses a day beyond the booking horizon, because nobody could book on it.
pub(super) async fn read_day(
    state: &State,
    context: &RequestContext,
    date: NaiveDate,
    now: ClinicNow,
) -> Result<QueryResult<Days>, Problem> {
    if rules::check_date(date, now.today()) == Err(Rejection::DateTooFarAhead) {
        return Err(Problem::new(Code::DateTooFar));
    }
    let route = context.route(state, None).await?;
    context.sample_shadow_read(state, || Some(Question::Days { from: date, to: date }));
    Ok(state.queries.days(route.generation, date, date).await?)
}

/// One day of a query result, as the rules need it.
pub(super) fn day(days: &Days, date: NaiveDate, now: ClinicNow) -> Option<Day<'_>> {
    let sheet = days.sheets.get(&date)?;
    Some(Day::new(&sheet.book, &days.hours, now))
}

/// Whether the clinic has hours for this service on a day.
pub(super) fn is_open(day: &Day<'_>, service: &Service) -> bool {
    day.hours.on(day.schedule.date).any(|slot| slot.admits(&service.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_sixty_percent_free_is_available_and_none_free_is_full() {
        for (free, total, level) in [
            (0, 0, AvailabilityLevel::Full),
            (0, 10, AvailabilityLevel::Full),
            (1, 10, AvailabilityLevel::Limited),
            (6, 10, AvailabilityLevel::Limited),
            (7, 10, AvailabilityLevel::Available),
            (1, 1, AvailabilityLevel::Available),
        ] {
            assert_eq!(AvailabilityLevel::from_counts(free, total), level, "{free}/{total}");
        }
    }
}
