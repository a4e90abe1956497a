//! A page derived from its stream alone: its events, and what was forgotten meanwhile, folded as a rebuild folds the log.

use std::ops::Range;

use chrono::NaiveDate;
use daybook_event_log::{EventLog, Position, RecordedEvent, Revision, StreamName};
use daybook_vault::Vault;
use futures_util::TryStreamExt;

use super::count::LeftOut;
use crate::control::error::ViewError;
use crate::projection::change::{Interpreter, ViewChange};
use crate::projection::fold::Fold;
use crate::projection::interpret::interpret_sound;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;

/// An event and what it means to a view.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) position: Position,
    pub(super) kind: Box<str>,
    pub(super) effect: ViewChange,
}

/// The events of a page up to a position, and those of patients who were forgotten, in the order of the log.
#[derive(Debug)]
pub(super) struct Page(Vec<Step>);

impl Page {
    pub(super) async fn read(
        log: &dyn EventLog,
        vault: &Vault,
        interpreter: &mut Interpreter,
        date: NaiveDate,
        privacy: &[RecordedEvent],
        (until, left_out): (Position, &LeftOut),
    ) -> Result<Self, ViewError> {
        let mut recorded = read_until(log, &StreamName::page(date), until).await?;
        recorded.extend_from_slice(privacy);
        recorded.retain(|event| !left_out.holds(event.position));
        recorded.sort_by_key(|event| event.position);
        let effects = interpret_sound(interpreter, vault, &recorded).await?;
        let step = |(event, effect): (RecordedEvent, ViewChange)| Step {
            position: event.position,
            kind: (*event.event_type).into(),
            effect,
        };
        Ok(Self(recorded.into_iter().zip(effects).map(step).collect()))
    }

    /// All of it, folded.
    pub(super) fn fold<R: ReservationRow>(&self, reference: &Reference) -> Fold<R> {
        fold(self.0.iter(), reference)
    }

    /// The events about one reservation.
    pub(super) fn about<'a>(&'a self, reservation: &'a str) -> impl Iterator<Item = &'a Step> {
        self.0.iter().filter(move |step| step.effect.reservation() == Some(reservation))
    }

    /// The row of one reservation if some of the events about it had been passed over.
    pub(super) fn row_without<R: ReservationRow>(
        &self,
        reservation: &str,
        passed_over: &Range<usize>,
        reference: &Reference,
    ) -> Option<R> {
        let mut number = 0;
        let concerns = |step: &&Step| {
            let is_own = step.effect.reservation() == Some(reservation);
            number += usize::from(is_own);
            is_own && !passed_over.contains(&(number - 1)) || matches!(step.effect, ViewChange::Forget { .. })
        };
        let mut fold: Fold<R> = fold(self.0.iter().filter(concerns), reference);
        fold.rows.swap_remove(reservation).map(|row| *row)
    }
}

fn fold<'a, R: ReservationRow>(steps: impl Iterator<Item = &'a Step>, reference: &Reference) -> Fold<R> {
    let mut fold = Fold::new(reference.clone());
    steps.for_each(|step| fold.apply(&step.effect));
    fold
}

/// Who was forgotten up to a position.
pub(super) async fn read_privacy(
    log: &dyn EventLog,
    until: Position,
) -> Result<Vec<RecordedEvent>, ViewError> {
    read_until(log, &StreamName::privacy(), until).await
}

async fn read_until(
    log: &dyn EventLog,
    stream: &StreamName,
    until: Position,
) -> Result<Vec<RecordedEvent>, ViewError> {
    let mut read = Vec::new();
    let mut events = log.read_stream(stream, Revision::FIRST).await?;
    while let Some(event) = events.try_next().await? {
        if event.position > until {
            break;
        }
        read.push(event);
    }
    Ok(read)
}
