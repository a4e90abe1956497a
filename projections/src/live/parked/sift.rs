//! A batch into one generation, with what cannot be taken in told from the rest.
//!
//! Where PostgreSQL refuses a value it does not say whose. The batch is then taken in again in parts, each behind a
//! savepoint, until the one event is found. A connection that is lost, a deadline or another leader ends the batch: that is
//! no event's fault and must never park one.

use daybook_domain::ReadModel;
use daybook_event_log::{Position, RecordedEvent};
use deadpool_postgres::Transaction;

use super::MAX_PARKED;
use super::ledger::{self, Entry};
use crate::control::error::{EventFault, ViewError, describe};
use crate::control::ids::{BlockingKey, Generation};
use crate::projection::blocked_keys::BlockedKeys;
use crate::projection::change::ViewChange;
use crate::projection::interpret::Judged;
use crate::projection::reference::Reference;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use crate::store::rows;

/// How a batch is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As a whole: a value that is refused ends the transaction.
    Whole,
    /// In parts, until the events are found whose values are refused.
    Parts,
}

/// Events on their way into a generation.
#[derive(Debug)]
pub(crate) struct BatchApplier {
    generation: Generation,
    reference: Reference,
    held: BlockedKeys,
    entries: Vec<Entry>,
    /// The first event whose values were refused.
    refused: Option<ViewError>,
}

impl BatchApplier {
    /// Into a generation with this reference data, where so much is held up.
    pub(crate) const fn new(generation: Generation, reference: Reference, held: BlockedKeys) -> Self {
        Self { generation, reference, held, entries: Vec::new(), refused: None }
    }

    /// Into a generation of which so many events are parked.
    pub(crate) async fn after(
        transaction: &Transaction<'_>,
        generation: Generation,
        reference: Reference,
        parked: u64,
    ) -> Result<Self, ViewError> {
        let held = match parked {
            0 => BlockedKeys::default(),
            _ => ledger::held(transaction, generation).await?,
        };
        Ok(Self::new(generation, reference, held))
    }

    /// Takes events in, in their order. What cannot be taken in is kept for [`Self::park`].
    pub(crate) async fn take_in(
        &mut self,
        transaction: &mut Transaction<'_>,
        events: &[Judged<'_>],
        mode: Mode,
    ) -> Result<(), ViewError> {
        let mut parts: Vec<Vec<&Judged<'_>>> = vec![events.iter().collect()];
        while let Some(part) = parts.pop() {
            let mut part = self.leave_out(part);
            if mode == Mode::Whole {
                self.apply(transaction, &part).await?;
                continue;
            }
            let savepoint = transaction.transaction().await?;
            match self.apply(&savepoint, &part).await {
                Ok(()) => savepoint.commit().await?,
                Err(error) => {
                    let code = error.refused_value().cloned().ok_or(error)?;
                    savepoint.rollback().await?;
                    if let [event] = *part {
                        let fault = EventFault::Refused(code);
                        self.hold_up(event, describe(&fault));
                        self.refused.get_or_insert_with(|| fails_with(event.recorded, fault));
                    } else {
                        let later = part.split_off(part.len() / 2);
                        parts.extend([later, part]);
                    }
                }
            }
        }
        Ok(())
    }

    /// As [`Self::take_in`] in parts, but the first event whose values are refused ends it. One that waits does not.
    pub(crate) async fn take_in_all(
        &mut self,
        transaction: &mut Transaction<'_>,
        events: &[Judged<'_>],
    ) -> Result<(), ViewError> {
        self.take_in(transaction, events, Mode::Parts).await?;
        self.refused.take().map_or(Ok(()), Err)
    }

    /// Takes out of a part what waits or is known to fail.
    fn leave_out<'p, 'e>(&mut self, part: Vec<&'p Judged<'e>>) -> Vec<&'p Judged<'e>> {
        part.into_iter().filter(|event| !self.is_left_out(event)).collect()
    }

    fn is_left_out(&mut self, event: &Judged<'_>) -> bool {
        let RecordedEvent { position, stream, .. } = event.recorded;
        let in_the_way = self.held.in_the_way(*position, stream, event.holds_up.as_ref());
        match (&event.outcome, in_the_way) {
            // It is no event of its own: whoever takes in what it belongs to makes it anew.
            (Ok(ViewChange::ForgetOne { .. }), Some(_)) => {}
            (Ok(_), None) => return false,
            (Ok(_), Some(held_up)) => self.entries.push(Entry::new(event.recorded, held_up, None)),
            (Err(fault), Some(held_up)) => {
                self.entries.push(Entry::new(event.recorded, held_up, Some(describe(fault))));
            }
            (Err(fault), None) => self.hold_up(event, describe(fault)),
        }
        true
    }

    /// Parks an event that failed. From here on it holds up what is about the same.
    fn hold_up(&mut self, event: &Judged<'_>, cause: String) {
        let RecordedEvent { position, stream, revision, .. } = event.recorded;
        let held_up = event.holds_up.clone().unwrap_or_else(|| BlockingKey::event(stream, *revision));
        self.held.enter(held_up.clone(), *position);
        self.entries.push(Entry::new(event.recorded, held_up, Some(cause)));
    }

    async fn apply(&mut self, transaction: &Transaction<'_>, part: &[&Judged<'_>]) -> Result<(), ViewError> {
        let effects: Vec<&ViewChange> = part.iter().filter_map(|event| event.outcome.as_ref().ok()).collect();
        if effects.is_empty() {
            return Ok(());
        }
        let before = self.reference.clone();
        let generation = self.generation;
        self.reference = match generation.model {
            ReadModel::Legacy => rows::apply::<LegacyRow>(transaction, generation, &effects, before).await?,
            ReadModel::Dynamic => {
                rows::apply::<DynamicRow>(transaction, generation, &effects, before).await?
            }
        };
        Ok(())
    }

    /// What could not be taken in.
    pub(super) fn left(&self) -> impl Iterator<Item = Position> {
        self.entries.iter().map(|entry| entry.position)
    }

    /// Enters what could not be taken in, in the transaction of the batch. Gives the reference data as the batch leaves it,
    /// how many events are parked now, and those that were parked.
    pub(crate) async fn park(
        self,
        transaction: &Transaction<'_>,
        parked: u64,
    ) -> Result<(Reference, u64, Vec<Entry>), ViewError> {
        let Self { generation, reference, entries, .. } = self;
        if entries.is_empty() {
            return Ok((reference, parked, entries));
        }
        ledger::park(transaction, generation, &entries).await?;
        let parked = ledger::count(transaction, generation).await?;
        if parked > MAX_PARKED {
            return Err(ViewError::TooManyParked { generation, limit: MAX_PARKED });
        }
        Ok((reference, parked, entries))
    }
}

/// The events before the first that is known to fail, and how that one fails: for who stops there.
pub(crate) fn before_fault(mut events: Vec<Judged<'_>>) -> (Vec<Judged<'_>>, Result<(), ViewError>) {
    let sound = events.iter().position(|event| event.outcome.is_err()).unwrap_or(events.len());
    let faulty = events.split_off(sound).into_iter().next();
    let fault = faulty.and_then(|event| Some(fails_with(event.recorded, event.outcome.err()?)));
    (events, fault.map_or(Ok(()), Err))
}

fn fails_with(recorded: &RecordedEvent, source: EventFault) -> ViewError {
    let RecordedEvent { position, stream, revision, event_type: kind, .. } = recorded;
    let (position, stream, revision, kind) = (*position, stream.clone(), *revision, (**kind).into());
    ViewError::Event { position, stream, revision, kind, source }
}

/// Says what was parked, once that is committed: each event that failed, and how many wait.
pub(crate) fn tell(generation: Generation, entries: &[Entry]) {
    for entry in entries {
        let Entry { position, stream, kind, held_up, cause, .. } = entry;
        if let Some(cause) = cause {
            tracing::error!(
                %generation, %position, %stream, kind, %held_up, cause,
                "an event cannot be taken in and is parked; `daybook projection parked list` shows what waits behind it"
            );
        }
    }
    let waiting = entries.iter().filter(|entry| entry.cause.is_none()).count();
    if waiting > 0 {
        tracing::warn!(%generation, waiting, "events wait behind parked ones");
    }
}
