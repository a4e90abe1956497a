//! Applies batches of events to generations: rows, digests and checkpoint in one transaction.
//!
//! Generations at the same position advance together, so that the two live views always hold the same history and can
//! be compared.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::ReadModel;
use daybook_event_log::{EventLog, Position, RecordedEvent};
use daybook_vault::Vault;
use deadpool_postgres::{GenericClient, Transaction};

use crate::control::error::ViewError;
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::{Epoch, Generation, SkippedPositions};
use crate::control::leader::Session;
use crate::control::notify::commit_and_announce;
use crate::live::parked::{self, BatchApplier, Mode, ParkingEntry};
use crate::projection::change::Interpreter;
use crate::projection::interpret::{InterpretedEvent, interpret, resume};
use crate::projection::reference::Reference;

/// A projector at a position, which advances generations from there.
#[derive(Debug)]
pub(crate) struct Projector {
    vault: Vault,
    interpreter: Interpreter,
    views: HashMap<Generation, View>,
    discarded: SkippedPositions,
    position: Position,
}

/// What a build does with an event that cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailurePolicy {
    /// Parks it if the live generation of the view has parked it too, and stops otherwise.
    AsLive,
    /// Parks it.
    Park,
}

/// A generation's state at the projector's position. Each generation has its own reference data, because one may have
/// parked what the other applied.
#[derive(Debug, Clone)]
struct View {
    reference: Reference,
    parked: u64,
}

impl Projector {
    /// A projector of some generations at a position.
    pub(crate) async fn at(
        log: &Arc<dyn EventLog>,
        vault: &Vault,
        client: &impl GenericClient,
        generations: &[Generation],
        position: Position,
    ) -> Result<Self, ViewError> {
        let parked = generation::parked(client, generations).await?;
        let mut known: Vec<(SkippedPositions, Reference)> = Vec::new();
        let (mut interpreter, mut views) = (Interpreter::default(), HashMap::new());
        for (generation, parked) in parked {
            let skipped = parked::skipped(client, generation).await?;
            // Usually nothing is left out, or both views leave out the same events.
            let same = known.iter().find(|(other, _)| *other == skipped).map(|(_, same)| same.clone());
            let reference = match same {
                Some(same) => same,
                None => {
                    let (forgotten, reference) = resume(log.as_ref(), vault, position, &skipped).await?;
                    interpreter.merge(forgotten);
                    known.push((skipped, reference.clone()));
                    reference
                }
            };
            views.insert(generation, View { reference, parked });
        }
        let discarded = parked::discarded(client).await?;
        Ok(Self { vault: vault.clone(), interpreter, views, discarded, position })
    }

    /// The position of the last applied event.
    pub(crate) const fn position(&self) -> Position {
        self.position
    }

    /// Applies a batch to the live generations at the projector's position. Events that one of them cannot apply are
    /// parked there, with later events about the same thing.
    ///
    /// Fails with [`ViewError::Overtaken`] if none is at that position: somebody else advanced them, retried parked
    /// events, or promoted another generation. Fails with [`ViewError::Deposed`] if another process is the leader.
    pub(crate) async fn move_live(
        &mut self,
        session: &mut Session,
        recorded: &[RecordedEvent],
        mode: Mode,
    ) -> Result<(), ViewError> {
        let batch = interpret(&mut self.interpreter, &self.vault, recorded, &self.discarded).await?;
        let last = recorded.last().map_or(self.position, |event| event.position);
        let moved = match self.try_live(session, &batch, last, mode).await {
            Err(error) if mode == Mode::Whole && error.is_an_events() => {
                self.try_live(session, &batch, last, Mode::Parts).await?
            }
            outcome => outcome?,
        };
        self.position = last;
        for (generation, view, entries) in moved {
            parked::log_parked(generation, &entries);
            self.views.insert(generation, view);
        }
        Ok(())
    }

    async fn try_live(
        &self,
        session: &mut Session,
        batch: &[InterpretedEvent<'_>],
        last: Position,
        mode: Mode,
    ) -> Result<Vec<(Generation, View, Vec<ParkingEntry>)>, ViewError> {
        let epoch = session.epoch();
        let mut transaction = session.begin().await?;
        let statuses = generation::hold_live(&transaction).await?;
        let mut moved = Vec::new();
        for status in targets(&statuses, self.position)? {
            let (generation, parked) = (status.generation, status.parked);
            let View { reference, parked: known } = self.view(generation)?;
            if *known != parked {
                // Parked events were retried, which may have changed the reference data.
                return Err(ViewError::Overtaken { generation });
            }
            let mut applier =
                BatchApplier::with_parked(&transaction, generation, reference.clone(), parked).await?;
            applier.apply_events(&mut transaction, batch, mode).await?;
            let (reference, parked, entries) = applier.park(&transaction, parked).await?;
            self.advance(&transaction, generation, last, Some(epoch)).await?;
            moved.push((generation, View { reference, parked }, entries));
        }
        commit_and_announce(transaction).await?;
        Ok(moved)
    }

    /// Applies a batch to generations that are being built and that nobody else advances. Events that one of them cannot
    /// apply are parked there, or end the build, as the policy says.
    ///
    /// No epoch fences this: a rebuild may run in any process, beside the leader. The rebuild lock keeps it alone,
    /// nobody reads its rows, and it promotes only with the live checkpoints locked. The leader has then either
    /// committed or sees another live generation.
    pub(crate) async fn move_building(
        &mut self,
        mut transaction: Transaction<'_>,
        targets: &[Generation],
        recorded: &[RecordedEvent],
        policy: FailurePolicy,
    ) -> Result<(), ViewError> {
        let batch = interpret(&mut self.interpreter, &self.vault, recorded, &self.discarded).await?;
        let last = recorded.last().map_or(self.position, |event| event.position);
        let mut moved = Vec::new();
        for generation in targets.iter().copied() {
            let View { reference, parked } = self.view(generation)?;
            let mut applier =
                BatchApplier::with_parked(&transaction, generation, reference.clone(), *parked).await?;
            applier.apply_events(&mut transaction, &batch, Mode::Isolated).await?;
            self.advance(&transaction, generation, last, None).await?;
            let (reference, parked, entries) = applier.park(&transaction, *parked).await?;
            if policy == FailurePolicy::AsLive {
                parked::check_parked_live(&transaction, generation, &entries).await?;
            }
            moved.push((generation, View { reference, parked }));
        }
        commit_and_announce(transaction).await?;
        self.position = last;
        self.views.extend(moved);
        Ok(())
    }

    fn view(&self, generation: Generation) -> Result<&View, ViewError> {
        self.views.get(&generation).ok_or(ViewError::Overtaken { generation })
    }

    /// Advances a generation's checkpoint from where the batch was read.
    async fn advance(
        &self,
        transaction: &Transaction<'_>,
        generation: Generation,
        to: Position,
        epoch: Option<Epoch>,
    ) -> Result<(), ViewError> {
        if generation::advance(transaction, generation, self.position, to, epoch).await? {
            Ok(())
        } else {
            Err(ViewError::Overtaken { generation })
        }
    }
}

/// The generations at a position.
fn targets(statuses: &[GenerationStatus], position: Position) -> Result<Vec<&GenerationStatus>, ViewError> {
    let here: Vec<&GenerationStatus> = statuses.iter().filter(|s| s.position == position).collect();
    let behind = statuses.iter().find(|status| status.position < position);
    match (behind, here.as_slice(), statuses.first()) {
        (Some(status), _, _) | (None, [], Some(status)) => {
            Err(ViewError::Overtaken { generation: status.generation })
        }
        (None, [], None) => Err(ViewError::NotLive { model: ReadModel::Legacy }),
        (None, [_, ..], _) => Ok(here),
    }
}
