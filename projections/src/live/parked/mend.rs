//! Taking in what was parked, and discarding what never can be: in one transaction that holds the live checkpoints, as a
//! promotion does, so that the leader waits meanwhile and finds it done.

use std::collections::HashSet;

use daybook_domain::Actor;
use daybook_event_log::{EventLog, Position, RecordedEvent};
use daybook_vault::Vault;
use deadpool_postgres::{Pool, Transaction};
use futures_util::TryStreamExt;
use serde::Serialize;

use super::sift::{BatchApplier, Mode, before_fault};
use super::{ParkedEvent, forgetting, ledger};
use crate::control::error::ViewError;
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::{BlockingKey, Generation, GenerationState, LeftOut};
use crate::control::{locks, notify};
use crate::projection::blocked_keys::BlockedKeys;
use crate::projection::interpret::{interpret, resume};
use crate::store::tables;

/// What is to be taken in.
#[derive(Debug, Clone)]
pub enum Mending {
    /// Everything that is parked.
    All,
    /// What is held up under one name.
    One(BlockingKey),
}

impl Mending {
    fn includes(&self, event: &ParkedEvent) -> bool {
        match self {
            Self::All => true,
            Self::One(held_up) => event.held_up == *held_up,
        }
    }
}

/// What became of a generation's parked events.
#[derive(Debug, Clone, Serialize)]
pub struct Mended {
    /// Which generation.
    pub generation: Generation,
    /// Events that were taken in, or are left out from now on.
    pub mended: u64,
    /// Events that are still parked.
    pub parked: u64,
}

/// Who leaves an event out, and why.
#[derive(Debug, Clone)]
pub struct Discard {
    /// Who decided so.
    pub actor: Actor,
    /// Why. It is kept in the clear, so no patient's name belongs here.
    pub reason: String,
}

/// What is done where an event fails again.
#[derive(Debug, Clone, Copy)]
enum OnFailure {
    /// Nothing is changed.
    GiveUp,
    /// It stays parked, and all else is taken in.
    KeepParked,
}

/// Where parked events are taken from, and into what.
struct Bench<'a> {
    log: &'a dyn EventLog,
    vault: &'a Vault,
    discarded: LeftOut,
}

/// Takes in what is parked, in the order of the log: in the live generations, and in kept ones that can be promoted then.
///
/// # Errors
/// [`ViewError::Event`] where one fails again, or [`ViewError::NotHeldUp`]; nothing is changed then.
pub async fn retry(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    which: &Mending,
) -> Result<Vec<Mended>, ViewError> {
    let mut client = pool.get().await?;
    let mut transaction = client.transaction().await?;
    let outcome = retry_within(&mut transaction, log, vault, which).await;
    end(transaction, outcome).await
}

async fn retry_within(
    transaction: &mut Transaction<'_>,
    log: &dyn EventLog,
    vault: &Vault,
    which: &Mending,
) -> Result<Vec<Mended>, ViewError> {
    let standings = hold(transaction).await?;
    let bench = Bench { log, vault, discarded: ledger::discarded(transaction).await? };
    let mut mended = Vec::new();
    for standing in &standings {
        mended.extend(bench.mend(transaction, standing, which, OnFailure::GiveUp).await?);
    }
    match (which, mended.as_slice()) {
        (Mending::One(held_up), []) => Err(ViewError::NotHeldUp(held_up.clone())),
        (Mending::One(_) | Mending::All, _) => Ok(mended),
    }
}

/// Leaves an event out of every generation for ever, and takes in what waited behind it; what of that fails in its turn
/// stays parked.
///
/// # Errors
/// [`ViewError::NotParked`] where no generation failed to take it in, [`ViewError::TakenIn`] where a live one holds it, or
/// has not come to it yet, [`ViewError::RebuildUnderWay`]; nothing is changed then.
pub async fn discard(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    position: Position,
    discard: &Discard,
) -> Result<Vec<Mended>, ViewError> {
    let mut client = pool.get().await?;
    let mut transaction = client.transaction().await?;
    let outcome = discard_within(&mut transaction, log, vault, position, discard).await;
    let mended = end(transaction, outcome).await?;
    tracing::warn!(%position, actor = discard.actor.as_str(), "an event is left out of every view from now on");
    Ok(mended)
}

async fn discard_within(
    transaction: &mut Transaction<'_>,
    log: &dyn EventLog,
    vault: &Vault,
    position: Position,
    discard: &Discard,
) -> Result<Vec<Mended>, ViewError> {
    keep_rebuilds_away(transaction).await?;
    let standings = hold(transaction).await?;
    let parked = ledger::at(transaction, position).await?;
    let failed = parked.iter().find(|event| event.cause.is_some()).ok_or(ViewError::NotParked(position))?;
    let is_parked_in = |generation| parked.iter().any(|event| event.generation == generation);
    let live = standings.iter().filter(|standing| standing.state == GenerationState::Live);
    if let Some(holder) = live.map(|standing| standing.generation).find(|live| !is_parked_in(*live)) {
        return Err(ViewError::TakenIn { position, generation: holder });
    }
    ledger::enter_discard(transaction, failed, discard).await?;
    let bench = Bench { log, vault, discarded: ledger::discarded(transaction).await? };
    let mut mended = Vec::new();
    for event in &parked {
        let which = Mending::One(event.held_up.clone());
        match standings.iter().find(|standing| standing.generation == event.generation) {
            Some(standing) => {
                mended.extend(bench.mend(transaction, standing, &which, OnFailure::KeepParked).await?);
            }
            // A rebuild stopped at it: that is over.
            None => {
                ledger::release(transaction, event.generation, &[position]).await?;
                ledger::count(transaction, event.generation).await?;
            }
        }
    }
    Ok(mended)
}

/// Ends the transaction and waits until it is over: what it holds is in the way of whoever comes next.
async fn end<T>(transaction: Transaction<'_>, outcome: Result<T, ViewError>) -> Result<T, ViewError> {
    match outcome {
        Ok(done) => notify::commit_and_announce(transaction).await.map(|()| done),
        Err(error) => {
            // Where this is not answered, the transaction ends with its connection.
            drop(transaction.rollback().await);
            Err(error)
        }
    }
}

/// The generations that can be mended, with their checkpoints held: nobody moves or promotes them meanwhile.
async fn hold(transaction: &Transaction<'_>) -> Result<Vec<GenerationStatus>, ViewError> {
    let mut standings = generation::hold_live(transaction).await?;
    for standing in generation::hold_kept_with_parked(transaction).await? {
        // Somebody may have dropped the tables by hand.
        if tables::exist(transaction, standing.generation).await? {
            standings.push(standing);
        }
    }
    Ok(standings)
}

/// Makes sure that no rebuild is under way or begins until the transaction ends: it could have taken in what is discarded.
async fn keep_rebuilds_away(transaction: &Transaction<'_>) -> Result<(), ViewError> {
    let row = transaction.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&locks::REBUILD]).await?;
    if row.try_get(0)? { Ok(()) } else { Err(ViewError::RebuildUnderWay) }
}

impl Bench<'_> {
    /// Takes a generation's parked events in. Nothing where none of them is wanted.
    async fn mend(
        &self,
        transaction: &mut Transaction<'_>,
        standing: &GenerationStatus,
        which: &Mending,
        on_failure: OnFailure,
    ) -> Result<Option<Mended>, ViewError> {
        let generation = standing.generation;
        let parked = ledger::of(transaction, generation).await?;
        let (wanted, others): (Vec<_>, Vec<_>) = parked.into_iter().partition(|event| which.includes(event));
        let Some(first) = wanted.first().map(|event| event.position) else { return Ok(None) };
        let mut held = BlockedKeys::default();
        others.into_iter().for_each(|event| held.enter(event.held_up, event.position));
        let left_out = ledger::left_out(transaction, generation).await?;
        let (mut interpreter, reference) = resume(self.log, self.vault, standing.position, &left_out).await?;
        let recorded = self.read(&wanted).await?;
        let forgotten = forgetting::read(self.log, first, standing.position).await?;
        let mut events = interpret(&mut interpreter, self.vault, &recorded, &self.discarded).await?;
        forgetting::late(transaction, self.log, generation, standing.position, &mut events).await?;
        forgetting::add(&mut events, &forgotten);
        let mut sift = BatchApplier::new(generation, reference, held);
        match on_failure {
            OnFailure::GiveUp => {
                let (sound, fault) = before_fault(events);
                sift.take_in_all(transaction, &sound).await?;
                fault?;
            }
            OnFailure::KeepParked => sift.take_in(transaction, &events, Mode::Parts).await?,
        }
        let left: HashSet<Position> = sift.left().collect();
        let mended: Vec<Position> =
            wanted.iter().map(|event| event.position).filter(|position| !left.contains(position)).collect();
        ledger::release(transaction, generation, &mended).await?;
        sift.park(transaction, standing.parked).await?;
        let parked = ledger::count(transaction, generation).await?;
        Ok(Some(Mended { generation, mended: mended.len() as u64, parked }))
    }

    /// Reads parked events from the log again, in its order: each stream once, from the first of them on.
    async fn read(&self, wanted: &[ParkedEvent]) -> Result<Vec<RecordedEvent>, ViewError> {
        let mut left: HashSet<Position> = wanted.iter().map(|event| event.position).collect();
        let mut streams = HashSet::new();
        let mut read = Vec::with_capacity(wanted.len());
        for first in wanted.iter().filter(|event| streams.insert(&event.stream)) {
            let mut events = self.log.read_stream(&first.stream, first.revision).await?;
            while let Some(event) = events.try_next().await? {
                if left.remove(&event.position) {
                    read.push(event);
                }
            }
        }
        if !left.is_empty() {
            return Err(ViewError::Control { what: "the place of a parked event in a log" });
        }
        read.sort_by_key(|event| event.position);
        Ok(read)
    }
}
