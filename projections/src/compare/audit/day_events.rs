//! A day derived from its stream alone: its events and the forgettings up to a position, folded as in a rebuild.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::NaiveDate;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::schedule::event::ReservationMoved;
use daybook_domain::{Event, ReservationId};
use daybook_event_log::{EventLog, Position, RecordedEvent, Revision, StreamName, decode};
use daybook_vault::Vault;

use super::count::{SkippedEvents, moved_in};
use crate::control::error::ViewError;
use crate::projection::change::{Interpreter, ViewChange};
use crate::projection::fold::Fold;
use crate::projection::interpret::{interpret_sound, read_until};
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;

/// An event and its change to a view.
#[derive(Debug)]
pub(super) struct DayEvent {
    pub(super) position: Position,
    pub(super) kind: Box<str>,
    pub(super) change: ViewChange,
}

/// A day's events up to a position together with all forgettings, in the order of the log.
#[derive(Debug)]
pub(super) struct DayEvents(Vec<DayEvent>);

impl DayEvents {
    pub(super) async fn read(
        log: &dyn EventLog,
        vault: &Vault,
        interpreter: &mut Interpreter,
        date: NaiveDate,
        privacy: &[RecordedEvent],
        (until, skipped): (Position, &SkippedEvents),
    ) -> Result<Self, ViewError> {
        let mut recorded =
            read_until(log.read_stream(&StreamName::page(date), Revision::FIRST).await?, until).await?;
        let gone = moved_elsewhere(log, &recorded, until, skipped).await?;
        recorded.extend_from_slice(privacy);
        recorded.retain(|event| !skipped.holds(event.position));
        recorded.sort_by_key(|event| event.position);
        let changes = interpret_sound(interpreter, vault, &recorded).await?;
        let step = |(event, change): (RecordedEvent, ViewChange)| DayEvent {
            position: event.position,
            kind: (*event.event_type).into(),
            change,
        };
        let steps = recorded.into_iter().zip(changes).map(step);
        let is_here = |step: &DayEvent| step.change.reservation().is_none_or(|id| !gone.contains(id));
        Ok(Self(steps.filter(is_here).collect()))
    }

    /// All of them folded.
    pub(super) fn fold<R: ReservationRow>(&self, reference: &Reference) -> Fold<R> {
        fold(self.0.iter(), reference)
    }

    /// The events about one reservation.
    pub(super) fn about<'a>(&'a self, reservation: &'a str) -> impl Iterator<Item = &'a DayEvent> {
        self.0.iter().filter(move |step| step.change.reservation() == Some(reservation))
    }

    /// The row of one reservation if a range of its events had been skipped.
    pub(super) fn row_without<R: ReservationRow>(
        &self,
        reservation: &str,
        skipped: &Range<usize>,
        reference: &Reference,
    ) -> Option<R> {
        let mut number = 0;
        let concerns = |step: &&DayEvent| {
            let is_own = step.change.reservation() == Some(reservation);
            number += usize::from(is_own);
            is_own && !skipped.contains(&(number - 1)) || matches!(step.change, ViewChange::Forget { .. })
        };
        let mut fold: Fold<R> = fold(self.0.iter().filter(concerns), reference);
        fold.rows.swap_remove(reservation).map(|row| *row)
    }
}

fn fold<'a, R: ReservationRow>(steps: impl Iterator<Item = &'a DayEvent>, reference: &Reference) -> Fold<R> {
    let mut fold = Fold::new(reference.clone());
    steps.for_each(|step| fold.apply(&step.change));
    fold
}

/// The reservations of a day that have arrived on another one by now.
async fn moved_elsewhere(
    log: &dyn EventLog,
    day: &[RecordedEvent],
    until: Position,
    skipped: &SkippedEvents,
) -> Result<BTreeSet<String>, ViewError> {
    let mut last_moves: BTreeMap<ReservationId, ReservationMoved> = BTreeMap::new();
    for event in day.iter().filter(|event| is_move(event) && !skipped.holds(event.position)) {
        match decode(event) {
            Ok((Event::Schedule(ScheduleEvent::ReservationMovedOut(moved)), _)) => {
                last_moves.insert(moved.row.reservation.clone(), moved);
            }
            Ok((Event::Schedule(ScheduleEvent::ReservationMovedIn(moved)), _)) => {
                last_moves.remove(&moved.row.reservation);
            }
            // One that cannot be decoded is parked.
            Ok(_) | Err(_) => {}
        }
    }
    let mut gone = BTreeSet::new();
    for (id, moved) in last_moves {
        let stream = log.read_stream(&StreamName::page(moved.row.date), Revision::FIRST).await?;
        let arrivals = read_until(stream, until).await?;
        if arrivals
            .iter()
            .any(|event| !skipped.holds(event.position) && moved_in(event).as_ref() == Some(&moved))
        {
            gone.insert(id.as_str().to_owned());
        }
    }
    Ok(gone)
}

fn is_move(event: &RecordedEvent) -> bool {
    matches!(&*event.event_type, "ReservationMovedOut" | "ReservationMovedIn")
}

/// The forgettings up to a position.
pub(super) async fn read_privacy(
    log: &dyn EventLog,
    until: Position,
) -> Result<Vec<RecordedEvent>, ViewError> {
    read_until(log.read_stream(&StreamName::privacy(), Revision::FIRST).await?, until).await
}
