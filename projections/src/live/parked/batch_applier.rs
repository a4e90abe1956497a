//! Applies a batch to one generation and separates the events that cannot be applied.
//!
//! When PostgreSQL rejects a value, it does not say which event it came from. The batch is then applied again in parts,
//! each with a savepoint, until the event is found. It is parked only if the view takes other writes: a missing table, a
//! new constraint or a lost permission is no event's fault, whatever the SQLSTATE. Any other failure than a rejected value
//! parks an event only if it fails twice. A lost connection, an outage or another leader ends the batch and never parks one.

use std::panic::AssertUnwindSafe;

use daybook_domain::ReadModel;
use daybook_event_log::{Position, RecordedEvent};
use deadpool_postgres::Transaction;
use futures_util::FutureExt;

use super::MAX_PARKED;
use super::records::{self, ParkingEntry};
use super::writability;
use crate::control::error::{ViewError, describe};
use crate::control::ids::{BlockingKey, Generation};
use crate::projection::blocked_keys::BlockedKeys;
use crate::projection::change::ViewChange;
use crate::projection::interpret::InterpretedEvent;
use crate::projection::reference::Reference;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use crate::projection::storable::evolve_reference;
use crate::store::rows;

/// How to apply a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As a whole: a rejected value ends the transaction.
    Whole,
    /// In parts, until the events with rejected values are found. Any other failure ends the transaction.
    Parts,
    /// In parts, whatever the failure is, unless it is an outage. For a batch that has failed again and again.
    Isolated,
}

/// Applies events to one generation.
#[derive(Debug)]
pub(crate) struct BatchApplier {
    generation: Generation,
    reference: Reference,
    blocked: BlockedKeys,
    entries: Vec<ParkingEntry>,
    /// Whether the view has been seen to take writes.
    is_writable: bool,
}

impl BatchApplier {
    /// For a generation with this reference data and these blocked keys.
    pub(crate) const fn new(generation: Generation, reference: Reference, blocked: BlockedKeys) -> Self {
        Self { generation, reference, blocked, entries: Vec::new(), is_writable: false }
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
            let Err(error) = self.try_apply(transaction, &part).await? else { continue };
            if mode == Mode::Parts && !error.is_an_events() {
                return Err(error);
            }
            let (is_certain, is_panic) = (error.is_an_events(), matches!(error, ViewError::Panicked));
            let fault = error.as_fault().ok_or(error)?;
            if let [event] = *part {
                if !is_panic {
                    self.check_writable(transaction, event).await?;
                }
                if is_certain || self.fails_again(transaction, event).await? {
                    self.park_event(event, describe(&fault));
                }
            } else {
                let later = part.split_off(part.len() / 2);
                parts.extend([later, part]);
            }
        }
        Ok(())
    }

    /// Applies a part and returns why it failed, with the transaction as it was before.
    async fn try_apply(
        &mut self,
        transaction: &mut Transaction<'_>,
        part: &[&InterpretedEvent<'_>],
    ) -> Result<Result<(), ViewError>, ViewError> {
        let savepoint = transaction.transaction().await?;
        let applied = self.apply(&savepoint, part).await;
        match &applied {
            Ok(()) => savepoint.commit().await?,
            // Without a fault the transaction has to end anyway.
            Err(error) if error.as_fault().is_some() => savepoint.rollback().await?,
            Err(_) => {}
        }
        Ok(applied)
    }

    /// Checks, once a batch, that the view takes writes other than those of an event.
    ///
    /// # Errors
    /// It takes none, so the event is not the cause.
    async fn check_writable(
        &mut self,
        transaction: &mut Transaction<'_>,
        event: &InterpretedEvent<'_>,
    ) -> Result<(), ViewError> {
        if self.is_writable {
            return Ok(());
        }
        let savepoint = transaction.transaction().await?;
        let other_than = event.blocking_key.as_ref().map_or("", BlockingKey::as_str);
        let (generation, reference) = (self.generation, &self.reference);
        match generation.model {
            ReadModel::Legacy => {
                writability::check::<LegacyRow>(&savepoint, generation, reference, other_than).await?;
            }
            ReadModel::Dynamic => {
                writability::check::<DynamicRow>(&savepoint, generation, reference, other_than).await?;
            }
        }
        savepoint.rollback().await?;
        self.is_writable = true;
        Ok(())
    }

    /// Whether an event fails again, alone. If not, it is applied now.
    async fn fails_again(
        &mut self,
        transaction: &mut Transaction<'_>,
        event: &InterpretedEvent<'_>,
    ) -> Result<bool, ViewError> {
        match self.try_apply(transaction, &[event]).await? {
            Ok(()) => Ok(false),
            Err(error) if error.as_fault().is_some() => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Removes the events that are blocked or known to fail.
    fn without_parked<'p, 'e>(
        &mut self,
        part: Vec<&'p InterpretedEvent<'e>>,
    ) -> Vec<&'p InterpretedEvent<'e>> {
        let mut reference = None;
        part.into_iter().filter(|event| !self.is_parked(event) && self.fits(event, &mut reference)).collect()
    }

    /// Parks a change of the catalog or the hours if the view cannot hold what results. `reference` is the reference data
    /// after the events before it, once it is needed.
    fn fits(&mut self, event: &InterpretedEvent<'_>, reference: &mut Option<Reference>) -> bool {
        let Ok(change @ (ViewChange::Catalog { .. } | ViewChange::Hours { .. })) = &event.outcome else {
            return true;
        };
        let reference = reference.get_or_insert_with(|| self.reference.clone());
        let Err(fault) = evolve_reference(reference, change, &[self.generation.model]) else { return true };
        self.park_event(event, describe(&fault));
        false
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
        let applying = async {
            match generation.model {
                ReadModel::Legacy => {
                    rows::apply::<LegacyRow>(transaction, generation, &changes, before).await
                }
                ReadModel::Dynamic => {
                    rows::apply::<DynamicRow>(transaction, generation, &changes, before).await
                }
            }
        };
        // A panic would end the engine, and with it both views, without a word.
        let applied = AssertUnwindSafe(applying).catch_unwind().await;
        self.reference = applied.unwrap_or(Err(ViewError::Panicked))?;
        Ok(())
    }

    /// The error of the first event that failed.
    pub(super) fn failure(&self) -> Option<ViewError> {
        let failed = self.entries.iter().filter(|entry| entry.cause.is_some());
        failed.min_by_key(|entry| entry.position).map(ParkingEntry::error)
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
