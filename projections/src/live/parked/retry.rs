//! Applies parked events again, or discards one. Both run in one transaction that locks the live checkpoints, as a
//! promotion does, so that the leader waits and then finds the work done.

use std::collections::HashSet;

use daybook_domain::Actor;
use daybook_event_log::{EventLog, Position, RecordedEvent};
use daybook_vault::Vault;
use deadpool_postgres::{Pool, Transaction};
use futures_util::TryStreamExt;
use serde::Serialize;

use super::batch_applier::{BatchApplier, Mode};
use super::{ParkedEvent, forgetting, records};
use crate::control::error::ViewError;
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::{BlockingKey, Generation, GenerationState, SkippedPositions};
use crate::control::{locks, notify};
use crate::projection::blocked_keys::BlockedKeys;
use crate::projection::interpret::{interpret, resume};
use crate::store::tables;

/// Which parked events to apply.
#[derive(Debug, Clone)]
pub enum RetryScope {
    All,
    /// Those of one blocking key.
    One(BlockingKey),
}

impl RetryScope {
    fn includes(&self, event: &ParkedEvent) -> bool {
        match self {
            Self::All => true,
            Self::One(held_up) => event.held_up == *held_up,
        }
    }
}

/// The result for one generation.
#[derive(Debug, Clone, Serialize)]
pub struct RetryReport {
    pub generation: Generation,
    /// Events that were applied or discarded.
    pub mended: u64,
    /// Events that are still parked.
    pub parked: u64,
}

/// The decision to discard an event.
#[derive(Debug, Clone)]
pub struct Discard {
    /// The person who decided.
    pub actor: Actor,
    /// The reason. It is stored in plain text, so it must not contain a patient's name.
    pub reason: String,
}

/// What to do with an event that a live generation has applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IfApplied {
    Refuse,
    Discard,
}

/// What to do if an event fails again.
#[derive(Debug, Clone, Copy)]
enum OnFailure {
    GiveUp,
    /// Keep it parked and apply the others.
    KeepParked,
}

/// The inputs of a retry.
struct RetryContext<'a> {
    log: &'a dyn EventLog,
    vault: &'a Vault,
    discarded: SkippedPositions,
}

/// Applies parked events in the order of the log, in the live generations and in kept ones that can be promoted again.
///
/// # Errors
/// [`ViewError::Event`] if one fails again, or [`ViewError::NotBlocked`]. Nothing is changed then.
pub async fn retry(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    which: &RetryScope,
) -> Result<Vec<RetryReport>, ViewError> {
    let mut client = pool.get().await?;
    let mut transaction = client.transaction().await?;
    let outcome = retry_within(&mut transaction, log, vault, which).await;
    end(transaction, outcome).await
}

async fn retry_within(
    transaction: &mut Transaction<'_>,
    log: &dyn EventLog,
    vault: &Vault,
    which: &RetryScope,
) -> Result<Vec<RetryReport>, ViewError> {
    let statuses = hold(transaction).await?;
    let context = RetryContext { log, vault, discarded: records::discarded(transaction).await? };
    let mut mended = Vec::new();
    for status in &statuses {
        mended.extend(context.retry_generation(transaction, status, which, OnFailure::GiveUp).await?);
    }
    match (which, mended.as_slice()) {
        (RetryScope::One(held_up), []) => Err(ViewError::NotBlocked(held_up.clone())),
        (RetryScope::One(_) | RetryScope::All, _) => Ok(mended),
    }
}

/// Discards an event: no generation ever applies it. Applies the events that waited for it; those that fail in turn
/// stay parked.
///
/// # Errors
/// [`ViewError::NotParked`] if it failed in no generation, [`ViewError::AlreadyApplied`] if a live one has applied it
/// or has not reached it yet, [`ViewError::RebuildUnderWay`]. Nothing is changed then.
pub async fn discard(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    position: Position,
    discard: &Discard,
) -> Result<Vec<RetryReport>, ViewError> {
    let mut client = pool.get().await?;
    let mut transaction = client.transaction().await?;
    let context = (log, vault, IfApplied::Refuse);
    let outcome = discard_within(&mut transaction, context, position, discard).await;
    Ok(end(transaction, outcome).await?.0)
}

/// As [`discard`], also if live generations have applied the event. Returns these too: they have to be rebuilt.
pub(crate) async fn discard_applied(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    position: Position,
    discard: &Discard,
) -> Result<(Vec<RetryReport>, Vec<Generation>), ViewError> {
    let mut client = pool.get().await?;
    let mut transaction = client.transaction().await?;
    let context = (log, vault, IfApplied::Discard);
    let outcome = discard_within(&mut transaction, context, position, discard).await;
    end(transaction, outcome).await
}

async fn discard_within(
    transaction: &mut Transaction<'_>,
    (log, vault, if_applied): (&dyn EventLog, &Vault, IfApplied),
    position: Position,
    discard: &Discard,
) -> Result<(Vec<RetryReport>, Vec<Generation>), ViewError> {
    keep_rebuilds_away(transaction).await?;
    let statuses = hold(transaction).await?;
    let parked = records::find_at(transaction, position).await?;
    let failed = parked.iter().find(|event| event.cause.is_some()).ok_or(ViewError::NotParked(position))?;
    let is_parked_in = |generation| parked.iter().any(|event| event.generation == generation);
    let live = statuses.iter().filter(|status| status.state == GenerationState::Live);
    let holders: Vec<&GenerationStatus> = live.filter(|live| !is_parked_in(live.generation)).collect();
    let is_refused =
        |holder: &&&GenerationStatus| if_applied == IfApplied::Refuse || holder.position < position;
    if let Some(holder) = holders.iter().find(is_refused) {
        return Err(ViewError::AlreadyApplied { position, generation: holder.generation });
    }
    records::insert_discard(transaction, failed, discard).await?;
    let context = RetryContext { log, vault, discarded: records::discarded(transaction).await? };
    let mut mended = Vec::new();
    for event in &parked {
        let which = RetryScope::One(event.held_up.clone());
        match statuses.iter().find(|status| status.generation == event.generation) {
            Some(status) => {
                mended.extend(
                    context.retry_generation(transaction, status, &which, OnFailure::KeepParked).await?,
                );
            }
            // A rebuild stopped at it and is over.
            None => {
                records::release(transaction, event.generation, &[position]).await?;
                records::count(transaction, event.generation).await?;
            }
        }
    }
    tracing::warn!(%position, actor = discard.actor.as_str(), "the event is discarded: no view will apply it");
    Ok((mended, holders.into_iter().map(|holder| holder.generation).collect()))
}

/// Ends the transaction and waits for that, because its locks block the next caller.
async fn end<T>(transaction: Transaction<'_>, outcome: Result<T, ViewError>) -> Result<T, ViewError> {
    match outcome {
        Ok(done) => notify::commit_and_announce(transaction).await.map(|()| done),
        Err(error) => {
            // If this fails, the transaction ends with its connection.
            drop(transaction.rollback().await);
            Err(error)
        }
    }
}

/// The generations to retry, with their checkpoints locked: nobody advances or promotes them meanwhile.
async fn hold(transaction: &Transaction<'_>) -> Result<Vec<GenerationStatus>, ViewError> {
    let mut statuses = generation::hold_live(transaction).await?;
    for status in generation::hold_kept_with_parked(transaction).await? {
        // Somebody may have dropped the tables by hand.
        if tables::exist(transaction, status.generation).await? {
            statuses.push(status);
        }
    }
    Ok(statuses)
}

/// Checks that no rebuild is running and prevents one until the transaction ends: it could have applied the event to
/// discard.
async fn keep_rebuilds_away(transaction: &Transaction<'_>) -> Result<(), ViewError> {
    let row = transaction.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&locks::REBUILD]).await?;
    if row.try_get(0)? { Ok(()) } else { Err(ViewError::RebuildUnderWay) }
}

impl RetryContext<'_> {
    /// Applies parked events of one generation. Returns nothing if none of them is in the scope.
    async fn retry_generation(
        &self,
        transaction: &mut Transaction<'_>,
        status: &GenerationStatus,
        which: &RetryScope,
        on_failure: OnFailure,
    ) -> Result<Option<RetryReport>, ViewError> {
        let generation = status.generation;
        let parked = records::parked_in(transaction, generation).await?;
        let (selected, others): (Vec<_>, Vec<_>) =
            parked.into_iter().partition(|event| which.includes(event));
        let Some(first) = selected.first().map(|event| event.position) else { return Ok(None) };
        let mut blocked = BlockedKeys::default();
        others.into_iter().for_each(|event| blocked.insert(event.held_up, event.position));
        let skipped = records::skipped(transaction, generation).await?;
        let (mut interpreter, reference) = resume(self.log, self.vault, status.position, &skipped).await?;
        let recorded = self.read(&selected).await?;
        let forgotten = forgetting::read(self.log, first, status.position).await?;
        let mut events = interpret(&mut interpreter, self.vault, &recorded, &self.discarded).await?;
        forgetting::late(transaction, self.log, generation, status.position, &mut events).await?;
        forgetting::add(&mut events, &forgotten);
        let mut applier = BatchApplier::new(generation, reference, blocked);
        applier.apply_events(transaction, &events, Mode::Isolated).await?;
        if let (OnFailure::GiveUp, Some(error)) = (on_failure, applier.failure()) {
            return Err(error);
        }
        let still_parked: HashSet<Position> = applier.parked_positions().collect();
        let applied: Vec<Position> = selected
            .iter()
            .map(|event| event.position)
            .filter(|position| !still_parked.contains(position))
            .collect();
        records::release(transaction, generation, &applied).await?;
        applier.park(transaction, status.parked).await?;
        let parked = records::count(transaction, generation).await?;
        Ok(Some(RetryReport { generation, mended: applied.len() as u64, parked }))
    }

    /// Reads parked events from the log in its order: each stream once, from its first parked event on.
    async fn read(&self, selected: &[ParkedEvent]) -> Result<Vec<RecordedEvent>, ViewError> {
        let mut remaining: HashSet<Position> = selected.iter().map(|event| event.position).collect();
        let mut streams = HashSet::new();
        let mut read = Vec::with_capacity(selected.len());
        for first in selected.iter().filter(|event| streams.insert(&event.stream)) {
            let mut events = self.log.read_stream(&first.stream, first.revision).await?;
            while let Some(event) = events.try_next().await? {
                if remaining.remove(&event.position) {
                    read.push(event);
                }
            }
        }
        if !remaining.is_empty() {
            return Err(ViewError::Control { what: "the place of a parked event" });
        }
        read.sort_by_key(|event| event.position);
        Ok(read)
    }
}
