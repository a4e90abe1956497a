//! Applies a batch to one generation and separates the events that cannot be applied.
//!
//! When PostgreSQL rejects a value, it does not say which event it came from. The batch is then applied again in parts,
//! each with a savepoint, until the event is found. A lost connection, a timeout or another leader ends the batch:
//! these are no event's fault and must never park one.

use daybook_domain::ReadModel;
use daybook_event_log::{Position, RecordedEvent};
use deadpool_postgres::Transaction;

use super::MAX_PARKED;
use super::records::{self, ParkingEntry};
use crate::control::error::{EventFault, ViewError, describe};
use crate::control::ids::{BlockingKey, Generation};
use crate::projection::blocked_keys::BlockedKeys;
use crate::projection::change::ViewChange;
use crate::projection::interpret::InterpretedEvent;
use crate::projection::reference::Reference;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use crate::store::rows;

/// How to apply a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As a whole: a rejected value ends the transaction.
    Whole,
    /// In parts, until the events with rejected values are found.
    Parts,
}

/// Applies events to one generation.
#[derive(Debug)]
pub(crate) struct BatchApplier {
    generation: Generation,
    reference: Reference,
    blocked: BlockedKeys,
    entries: Vec<ParkingEntry>,
    /// The error of the first event with a rejected value.
    rejected: Option<ViewError>,
}

impl BatchApplier {
    /// For a generation with this reference data and these blocked keys.
    pub(crate) const fn new(generation: Generation, reference: Reference, blocked: BlockedKeys) -> Self {
        Self { generation, reference, blocked, entries: Vec::new(), rejected: None }
    }

    /// For a generation with this many parked events.
    pub(crate) async fn with_parked(
        transaction: &Transaction<'_>,
        generation: Generation,
        reference: Reference,
        parked: u64,
    ) -> Result<Self, ViewError> {
        let blocked = match parked {
            0 => BlockedKeys::default(),
            _ => records::blocked(transaction, generation).await?,
        };
        Ok(Self::new(generation, reference, blocked))
    }

    /// Applies events in order. Those that cannot be applied are kept for [`Self::park`].
    pub(crate) async fn apply_events(
        &mut self,
        transaction: &mut Transaction<'_>,
        events: &[InterpretedEvent<'_>],
        mode: Mode,
    ) -> Result<(), ViewError> {
        let mut parts: Vec<Vec<&InterpretedEvent<'_>>> = vec![events.iter().collect()];
        while let Some(part) = parts.pop() {
            let mut part = self.without_parked(part);
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
                        self.park_event(event, describe(&fault));
                        self.rejected.get_or_insert_with(|| ViewError::from_event(event.recorded, fault));
                    } else {
                        let later = part.split_off(part.len() / 2);
                        parts.extend([later, part]);
                    }
                }
            }
        }
        Ok(())
    }

    /// Like [`Self::apply_events`] in parts, but fails with the first rejected value. Events that only wait do not fail
    /// it.
    pub(crate) async fn apply_all(
        &mut self,
        transaction: &mut Transaction<'_>,
        events: &[InterpretedEvent<'_>],
    ) -> Result<(), ViewError> {
        self.apply_events(transaction, events, Mode::Parts).await?;
        self.rejected.take().map_or(Ok(()), Err)
    }

    /// Removes the events that are blocked or known to fail.
    fn without_parked<'p, 'e>(
        &mut self,
        part: Vec<&'p InterpretedEvent<'e>>,
    ) -> Vec<&'p InterpretedEvent<'e>> {
        part.into_iter().filter(|event| !self.is_parked(event)).collect()
    }

    fn is_parked(&mut self, event: &InterpretedEvent<'_>) -> bool {
        let RecordedEvent { position, stream, .. } = event.recorded;
        let blocker = self.blocked.blocker(*position, stream, event.blocking_key.as_ref());
        match (&event.outcome, blocker) {
            // It is derived from another event, and applying that one derives it again.
            (Ok(ViewChange::ForgetReservation { .. }), Some(_)) => {}
            (Ok(_), None) => return false,
            (Ok(_), Some(blocking_key)) => {
                self.entries.push(ParkingEntry::new(event.recorded, blocking_key, None))
            }
            (Err(fault), Some(blocking_key)) => {
                self.entries.push(ParkingEntry::new(event.recorded, blocking_key, Some(describe(fault))));
            }
            (Err(fault), None) => self.park_event(event, describe(fault)),
        }
        true
    }

    /// Parks a failed event, which blocks later events about the same thing.
    fn park_event(&mut self, event: &InterpretedEvent<'_>, cause: String) {
        let RecordedEvent { position, stream, revision, .. } = event.recorded;
        let blocking_key =
            event.blocking_key.clone().unwrap_or_else(|| BlockingKey::event(stream, *revision));
        self.blocked.insert(blocking_key.clone(), *position);
        self.entries.push(ParkingEntry::new(event.recorded, blocking_key, Some(cause)));
    }

    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        part: &[&InterpretedEvent<'_>],
    ) -> Result<(), ViewError> {
        let changes: Vec<&ViewChange> = part.iter().filter_map(|event| event.outcome.as_ref().ok()).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let before = self.reference.clone();
        let generation = self.generation;
        self.reference = match generation.model {
            ReadModel::Legacy => rows::apply::<LegacyRow>(transaction, generation, &changes, before).await?,
            ReadModel::Dynamic => {
                rows::apply::<DynamicRow>(transaction, generation, &changes, before).await?
            }
        };
        Ok(())
    }

    /// Positions of the events that were not applied.
    pub(super) fn parked_positions(&self) -> impl Iterator<Item = Position> {
        self.entries.iter().map(|entry| entry.position)
    }

    /// Records the events that were not applied in the batch's transaction. Returns the reference data after the batch,
    /// the number of parked events, and the newly parked events.
    pub(crate) async fn park(
        self,
        transaction: &Transaction<'_>,
        parked: u64,
    ) -> Result<(Reference, u64, Vec<ParkingEntry>), ViewError> {
        let Self { generation, reference, entries, .. } = self;
        if entries.is_empty() {
            return Ok((reference, parked, entries));
        }
        records::park(transaction, generation, &entries).await?;
        let parked = records::count(transaction, generation).await?;
        if parked > MAX_PARKED {
            return Err(ViewError::TooManyParked { generation, limit: MAX_PARKED });
        }
        Ok((reference, parked, entries))
    }
}

/// The events before the first one known to fail, and its error.
pub(crate) fn before_fault(
    mut events: Vec<InterpretedEvent<'_>>,
) -> (Vec<InterpretedEvent<'_>>, Result<(), ViewError>) {
    let sound = events.iter().position(|event| event.outcome.is_err()).unwrap_or(events.len());
    let faulty = events.split_off(sound).into_iter().next();
    let fault = faulty.and_then(|event| Some(ViewError::from_event(event.recorded, event.outcome.err()?)));
    (events, fault.map_or(Ok(()), Err))
}

/// Logs what was parked, after the commit: each failed event, and the number of waiting ones.
pub(crate) fn log_parked(generation: Generation, entries: &[ParkingEntry]) {
    for entry in entries {
        let ParkingEntry { position, stream, kind, held_up, cause, .. } = entry;
        if let Some(cause) = cause {
            tracing::error!(
                %generation, %position, %stream, kind, %held_up, cause,
                "the event cannot be applied and is parked; run `daybook projection parked list` to see what waits for it"
            );
        }
    }
    let waiting = entries.iter().filter(|entry| entry.cause.is_none()).count();
    if waiting > 0 {
        tracing::warn!(%generation, waiting, "events wait for parked ones");
    }
}
