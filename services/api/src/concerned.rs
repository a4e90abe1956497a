//! The open bookings that a change of hours, services, limits or closures concerns. They stay as they are; the answer lists
//! them, so that somebody can call the patients.
//!
//! This is information about a change that is already recorded. It never decides.

use std::time::Duration;

use chrono::{Days as DayCount, NaiveDate};
use daybook_domain::schedule::{Booking, DaySchedule, MAX_DAYS_AHEAD, SlotAssignment};
use daybook_domain::{ClockTime, Period, ReadModel, ReservationId, ServiceId, Status};
use daybook_event_log::Position;
use daybook_projections::Generation;
use daybook_projections::query::Days;
use serde::Serialize;
use tokio::time::Instant;

use crate::state::State;

/// Most bookings in a response. The count says how many there are.
const MAX_LISTED: usize = 100;

/// One booking, by its id and its time. It holds nothing about the patient.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConcernedBooking {
    id: ReservationId,
    /// The day, unless the whole response is about one day.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<NaiveDate>,
    status: Status,
    service_id: ServiceId,
    start_time: Option<ClockTime>,
    end_time: Option<ClockTime>,
    /// The half-day of a booking without a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<Period>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    needs_review: bool,
}

/// The concerned bookings in the order of their times.
#[derive(Debug, Default)]
pub(crate) struct Concerned {
    pub(crate) count: usize,
    /// The first [`MAX_LISTED`].
    pub(crate) listed: Vec<ConcernedBooking>,
}

/// The same as part of a response. Both fields are null while no view has reached the change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AffectedBookings {
    affected_count: Option<usize>,
    affected_bookings: Option<Vec<ConcernedBooking>>,
}

impl From<Option<Concerned>> for AffectedBookings {
    fn from(concerned: Option<Concerned>) -> Self {
        let (affected_count, affected_bookings) =
            concerned.map(|Concerned { count, listed }| (count, listed)).unzip();
        Self { affected_count, affected_bookings }
    }
}

impl ConcernedBooking {
    fn new(date: Option<NaiveDate>, id: &ReservationId, booking: &Booking) -> Self {
        let span = booking.placement.span(booking.total_minutes);
        let period = match booking.placement {
            SlotAssignment::Period(period) => Some(period),
            SlotAssignment::At { .. } | SlotAssignment::Review(_) => None,
        };
        Self {
            id: id.clone(),
            date,
            status: booking.status,
            service_id: booking.service.clone(),
            start_time: span.map(|span| span.start),
            end_time: span.map(|span| span.end),
            period,
            needs_review: matches!(booking.placement, SlotAssignment::Review(_)),
        }
    }
}

impl Concerned {
    /// Those of one day.
    pub(crate) fn on_day(schedule: &DaySchedule, is_concerned: impl Fn(&Booking) -> bool) -> Self {
        let bookings = schedule.bookings().filter(|(_, booking)| is_concerned(booking));
        Self::collect(bookings.map(|(id, booking)| (None, id, booking)))
    }

    /// Those of the days from today on.
    pub(crate) fn in_days(
        days: &Days,
        is_concerned: impl Fn(&DaySchedule, &ReservationId, &Booking) -> bool,
    ) -> Self {
        let is_concerned = &is_concerned;
        Self::collect(days.sheets.iter().flat_map(move |(date, sheet)| {
            let own =
                sheet.book.bookings().filter(move |(id, booking)| is_concerned(&sheet.book, id, booking));
            own.map(move |(id, booking)| (Some(*date), id, booking))
        }))
    }

    fn collect<'b>(
        bookings: impl Iterator<Item = (Option<NaiveDate>, &'b ReservationId, &'b Booking)>,
    ) -> Self {
        let mut found: Vec<_> = bookings.collect();
        found.sort_by_key(|(date, id, booking)| {
            (*date, booking.placement.period(), booking.placement.start(), *id)
        });
        let listed = found.iter().take(MAX_LISTED);
        let listed = listed.map(|(date, id, booking)| ConcernedBooking::new(*date, id, booking)).collect();
        Self { count: found.len(), listed }
    }
}

impl State {
    /// The days from today on, from a view that has applied a change. `None` if none does within the usual patience.
    pub(crate) async fn days_after(&self, change: Position) -> Option<Days> {
        let generation = self.generation_at(change, self.settings.at_least_patience).await?;
        let today = self.commands.now_local().date();
        let last = today.checked_add_days(DayCount::new(MAX_DAYS_AHEAD))?;
        match self.queries.days(generation, today, last).await {
            Ok(days) => Some(days.value),
            Err(error) => {
                tracing::warn!(error = %daybook_projections::describe(&error), "the bookings that a change concerns could not be read");
                None
            }
        }
    }

    /// The live generation that has reached a position: the dynamic one, because the legacy view cannot tell services
    /// without an enum value apart.
    async fn generation_at(&self, position: Position, patience: Duration) -> Option<Generation> {
        let (deadline, mut views) = (Instant::now() + patience, self.router.views().clone());
        loop {
            let serving = views.serving();
            let status = serving.get(ReadModel::Dynamic).or_else(|| serving.get(ReadModel::Legacy))?;
            if status.position >= position {
                return Some(status.generation);
            }
            if !views.changed(deadline).await {
                return None;
            }
        }
    }
}
