//! Bookings that were decided before a change of the catalog or the hours was known, and that the change concerns.
//!
//! Only a log that cannot compare other streams on append accepts such a booking. Its events record the revisions that the
//! decision knew; here they are compared with the positions of the changes. Nothing here decides or appends.

use std::collections::HashMap;

use chrono::NaiveDate;
use daybook_domain::catalog::Catalog;
use daybook_domain::hours::Hours;
use daybook_domain::rules::impact;
use daybook_domain::schedule::event::ScheduleEffect;
use daybook_domain::schedule::{Booking, DaySchedule, MAX_DAYS_AHEAD, ScheduleEvent, SlotAssignment};
use daybook_domain::time::ClinicNow;
use daybook_domain::{ClockTime, Event, Period, ReservationId, ServiceId, Status};
use daybook_event_log::codec::ReferenceRevisions;
use daybook_event_log::{EventLog, Position, Revision, StreamName};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::commands::Commands;
use crate::decoder::EventDecoder;
use crate::error::CommandError;
use crate::singleton_stream::Aggregate;

/// Day schedules that are read at the same time.
const PARALLEL_READS: usize = 16;

/// An open booking that a change concerns which its decision did not know. It holds nothing about the patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LateBooking {
    /// The id of the reservation.
    pub id: ReservationId,
    pub date: NaiveDate,
    /// Its start, unless it has only a half-day or is under review.
    pub start: Option<ClockTime>,
    /// Its half-day, if it has no start.
    pub period: Option<Period>,
    pub status: Status,
    pub service: ServiceId,
    /// Position of the event that gave it this time.
    pub position: Position,
    pub change: MissedChange,
}

/// A change that was in the log before a booking, but not known to its decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissedChange {
    pub stream: StreamName,
    pub revision: Revision,
    pub position: Position,
    /// The type of its event.
    pub kind: Box<str>,
}

impl Commands {
    /// The late bookings of today and later that still stand. A booking that was moved, cancelled or completed since is not
    /// one, nor is one that fits again because the change was taken back.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub async fn late_bookings(&self) -> Result<Vec<LateBooking>, CommandError> {
        find(self.log(), self.decoder(), self.now()).await
    }
}

pub(crate) async fn find(
    log: &dyn EventLog,
    decoder: &EventDecoder,
    now: ClinicNow,
) -> Result<Vec<LateBooking>, CommandError> {
    let dates = now.today().iter_days().take(1 + MAX_DAYS_AHEAD as usize);
    let reads = stream::iter(dates).map(|date| DecidedDay::read(log, decoder, date)).buffered(PARALLEL_READS);
    let days: Vec<DecidedDay> =
        reads.try_filter(|day| std::future::ready(!day.decisions.is_empty())).try_collect().await?;
    if days.is_empty() {
        return Ok(Vec::new());
    }
    let changes =
        Changes { catalog: History::read(log, decoder).await?, hours: History::read(log, decoder).await? };
    let mut late: Vec<LateBooking> = days.iter().flat_map(|day| day.late(&changes, now)).collect();
    late.sort_by(|left, right| (left.date, left.start, &left.id).cmp(&(right.date, right.start, &right.id)));
    Ok(late)
}

/// The decision that gave a booking its time.
#[derive(Debug, Clone, Copy)]
struct TimeDecision {
    against: ReferenceRevisions,
    position: Position,
}

/// A day schedule, and the decisions that say what they knew.
#[derive(Debug)]
struct DecidedDay {
    schedule: DaySchedule,
    decisions: HashMap<ReservationId, TimeDecision>,
}

impl DecidedDay {
    async fn read(log: &dyn EventLog, decoder: &EventDecoder, date: NaiveDate) -> Result<Self, CommandError> {
        let mut day = Self { schedule: DaySchedule::empty(date), decisions: HashMap::new() };
        let mut events = log.read_stream(&StreamName::page(date), Revision::FIRST).await?;
        while let Some(recorded) = events.try_next().await? {
            // An event that cannot be decoded is parked in the views, and reported there.
            if let Ok(Some((Event::Schedule(event), metadata))) = decoder.decode(&recorded).await {
                let known = metadata.decided_against;
                day.ingest(
                    &event,
                    known.map(|against| TimeDecision { against, position: recorded.position }),
                );
            }
        }
        Ok(day)
    }

    fn ingest(&mut self, event: &ScheduleEvent, decision: Option<TimeDecision>) {
        self.schedule.evolve(event);
        let reservation = match event.effect() {
            ScheduleEffect::Requested(requested) => &requested.reservation,
            ScheduleEffect::Rescheduled(reservation, _) => reservation,
            // A row of the old system is a fact, whatever the hours are.
            ScheduleEffect::Imported(row) | ScheduleEffect::Reimported(row) => {
                self.decisions.remove(&row.reservation);
                return;
            }
            ScheduleEffect::MovedOut(moved) | ScheduleEffect::MovedIn(moved) => {
                self.decisions.remove(&moved.row.reservation);
                return;
            }
            ScheduleEffect::StatusChanged(..)
            | ScheduleEffect::NoteWritten(_)
            | ScheduleEffect::Closed(_)
            | ScheduleEffect::Reopened(_) => return,
        };
        match decision {
            Some(decision) => self.decisions.insert(reservation.clone(), decision),
            None => self.decisions.remove(reservation),
        };
    }

    fn late(&self, changes: &Changes, now: ClinicNow) -> impl Iterator<Item = LateBooking> {
        self.decisions.iter().filter_map(move |(id, decision)| {
            let booking = self.schedule.booking(id).filter(|booking| booking.status.is_open())?;
            let change = changes.missed(&self.schedule, (id, booking), decision, now)?;
            Some(LateBooking {
                id: id.clone(),
                date: self.schedule.date,
                start: booking.placement.start(),
                period: match booking.placement {
                    SlotAssignment::Period(period) => Some(period),
                    SlotAssignment::At { .. } | SlotAssignment::Review(_) => None,
                },
                status: booking.status,
                service: booking.service.clone(),
                position: decision.position,
                change,
            })
        })
    }
}

/// All changes of the catalog and the hours.
#[derive(Debug)]
struct Changes {
    catalog: History<Catalog>,
    hours: History<Hours>,
}

impl Changes {
    /// The first change that a decision missed and that concerns the booking, if it still does.
    fn missed(
        &self,
        schedule: &DaySchedule,
        booking: (&ReservationId, &Booking),
        decision: &TimeDecision,
        now: ClinicNow,
    ) -> Option<MissedChange> {
        let mut missed = self.catalog.missed(decision.against.catalog, decision.position);
        missed.extend(self.hours.missed(decision.against.hours, decision.position));
        missed.sort_by_key(|change| change.position);
        let state_at = |position| (self.catalog.at(position), self.hours.at(position));
        let before = (self.catalog.after(decision.against.catalog), self.hours.after(decision.against.hours));
        let is_hit = |after: (Catalog, Hours)| {
            let (before, after) = ((&before.0, &before.1), (&after.0, &after.1));
            impact::is_hit_by_change(schedule, before, after, booking, now)
        };
        let change = missed.into_iter().find(|change| is_hit(state_at(change.position)))?;
        is_hit((self.catalog.latest(), self.hours.latest())).then_some(change)
    }
}

/// The events of a singleton stream, from the first revision on.
#[derive(Debug)]
struct History<A: Aggregate>(Vec<(MissedChange, Option<A::Event>)>);

impl<A: Aggregate> History<A> {
    async fn read(log: &dyn EventLog, decoder: &EventDecoder) -> Result<Self, CommandError> {
        let mut events = log.read_stream(&A::stream(), Revision::FIRST).await?;
        let mut changes = Vec::new();
        while let Some(recorded) = events.try_next().await? {
            // As in the state that decides bookings, one that cannot be decoded changes nothing.
            let decoded = decoder.decode(&recorded).await.ok().flatten();
            let event = decoded.and_then(|(event, _)| A::from_event(event));
            let (revision, position) = (recorded.revision, recorded.position);
            let kind = recorded.event_type.as_ref().into();
            changes.push((MissedChange { stream: recorded.stream, revision, position, kind }, event));
        }
        Ok(Self(changes))
    }

    /// The changes after a revision and before a position.
    fn missed(&self, known: Option<Revision>, before: Position) -> Vec<MissedChange> {
        let changes = self.0.iter().map(|(change, _)| change);
        let is_missed = |change: &&MissedChange| {
            known.is_none_or(|known| change.revision > known) && change.position < before
        };
        changes.filter(is_missed).cloned().collect()
    }

    fn fold(&self, is_in: impl Fn(&MissedChange) -> bool) -> A {
        let mut state = A::default();
        let events =
            self.0.iter().take_while(|(change, _)| is_in(change)).filter_map(|(_, event)| event.as_ref());
        events.for_each(|event| state.evolve(event));
        state
    }

    /// The state after a revision.
    fn after(&self, known: Option<Revision>) -> A {
        self.fold(|change| known.is_some_and(|known| change.revision <= known))
    }

    /// The state at a position.
    fn at(&self, position: Position) -> A {
        self.fold(|change| change.position <= position)
    }

    fn latest(&self) -> A {
        self.fold(|_| true)
    }
}
