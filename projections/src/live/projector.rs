//! Applies batches of events to generations: rows, digests and checkpoint in one transaction.
//!
//! Generations at the same position advance together, so that the two live views hold the same history and can be
//! compared. If one of them cannot be written, it stays where it is, and the other one advances alone.

use std::collections::{BTreeMap, HashSet};
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
    views: BTreeMap<Generation, View>,
    /// Live generations that this projector leaves alone.
    apart: HashSet<Generation>,
    discarded: SkippedPositions,
    position: Position,
}

/// A live generation that could not be written, and why.
pub(crate) type Unwritten = (Generation, ViewError);

/// What a batch made of a generation: its state, and the events that were newly parked.
type Moved = (Generation, View, Vec<ParkingEntry>);

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
        let (mut interpreter, mut views) = (Interpreter::default(), BTreeMap::new());
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
        let apart = HashSet::new();
        Ok(Self { vault: vault.clone(), interpreter, views, apart, discarded, position })
    }

    /// Leaves other live generations alone. Without this, a live generation that it does not advance means that somebody
    /// promoted one.
    pub(crate) fn beside(self, others: impl IntoIterator<Item = Generation>) -> Self {
        let apart = others.into_iter().filter(|other| !self.views.contains_key(other)).collect();
        Self { apart, ..self }
    }

    /// The position of the last applied event.
    pub(crate) const fn position(&self) -> Position {
        self.position
    }

    /// The generations that it advances.
    pub(crate) fn generations(&self) -> impl Iterator<Item = Generation> {
        self.views.keys().copied()
    }

    /// Whether it advances no generation.
    pub(crate) fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// The live generations that it leaves alone.
    pub(crate) const fn apart(&self) -> &HashSet<Generation> {
        &self.apart
    }

    /// Checks that live generations are where it expects them.
    ///
    /// # Errors
    /// [`ViewError::Overtaken`].
    pub(crate) fn check_standings(&self, live: &[GenerationStatus]) -> Result<(), ViewError> {
        let has_changed = |status: &&GenerationStatus| match self.apart.contains(&status.generation) {
            true => false,
            false => !self.views.contains_key(&status.generation) || status.position != self.position,
        };
        match live.iter().find(has_changed) {
            Some(status) => Err(ViewError::Overtaken { generation: status.generation }),
            None => Ok(()),
        }
    }

    /// Applies a batch to its live generations. Events that one of them cannot apply are parked there, with later events
    /// about the same thing. Returns the generations that could not be written: from here on they are left alone.
    ///
    /// Fails with [`ViewError::Overtaken`] if somebody else advanced them, retried parked events, or promoted another
    /// generation. Fails with [`ViewError::Deposed`] if another process is the leader.
    pub(crate) async fn move_live(
        &mut self,
        session: &mut Session,
        recorded: &[RecordedEvent],
        mode: Mode,
    ) -> Result<Vec<Unwritten>, ViewError> {
        let batch = interpret(&mut self.interpreter, &self.vault, recorded, &self.discarded).await?;
        let last = recorded.last().map_or(self.position, |event| event.position);
        let all: Vec<Generation> = self.generations().collect();
        let (moved, unwritten) = match self.move_together(session, &batch, last, mode, &all).await {
            Ok(moved) => (moved, vec![]),
            Err(error) if !error.may_be_one_views() => return Err(error),
            Err(error) => match *all {
                [generation] => (vec![], vec![(generation, error)]),
                _ => self.move_separately(session, &batch, last, mode).await?,
            },
        };
        self.position = last;
        for (generation, view, entries) in moved {
            parked::log_parked(generation, &entries);
            self.views.insert(generation, view);
        }
        for (generation, _) in &unwritten {
            self.views.remove(generation);
            self.apart.insert(*generation);
        }
        Ok(unwritten)
    }

    /// Applies a batch to each generation in a transaction of its own. Which one cannot be written shows only then: an error
    /// of the common transaction may come from its commit.
    async fn move_separately(
        &self,
        session: &mut Session,
        batch: &[InterpretedEvent<'_>],
        last: Position,
        mode: Mode,
    ) -> Result<(Vec<Moved>, Vec<Unwritten>), ViewError> {
        let (mut moved, mut unwritten) = (Vec::new(), Vec::new());
        for generation in self.generations() {
            match self.move_together(session, batch, last, mode, &[generation]).await {
                Ok(one) => moved.extend(one),
                Err(error) if error.may_be_one_views() => unwritten.push((generation, error)),
                Err(error) => return Err(error),
            }
        }
        Ok((moved, unwritten))
    }

    /// Applies a batch to some generations in one transaction: as a whole if possible, otherwise in parts.
    async fn move_together(
        &self,
        session: &mut Session,
        batch: &[InterpretedEvent<'_>],
        last: Position,
        mode: Mode,
        generations: &[Generation],
    ) -> Result<Vec<Moved>, ViewError> {
        match self.try_live(session, batch, last, mode, generations).await {
            Err(error) if mode == Mode::Whole && error.is_an_events() => {
                self.try_live(session, batch, last, Mode::Parts, generations).await
            }
            outcome => outcome,
        }
    }

    async fn try_live(
        &self,
        session: &mut Session,
        batch: &[InterpretedEvent<'_>],
        last: Position,
        mode: Mode,
        generations: &[Generation],
    ) -> Result<Vec<Moved>, ViewError> {
        let epoch = session.epoch();
        let mut transaction = session.begin().await?;
        let statuses = match generation::hold_live(&transaction).await {
            // A promotion or a retry of parked events holds the checkpoints, and will have moved something.
            Err(error) if error.is_lock_timeout() => {
                return Err(generations
                    .first()
                    .map_or(error, |first| ViewError::Overtaken { generation: *first }));
            }
            statuses => statuses?,
        };
        let mut moved = Vec::new();
        for status in self.targets(&statuses, generations)? {
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

    /// Those of the generations that are live.
    fn targets<'s>(
        &self,
        statuses: &'s [GenerationStatus],
        generations: &[Generation],
    ) -> Result<Vec<&'s GenerationStatus>, ViewError> {
        let is_unknown = |status: &&GenerationStatus| {
            !self.views.contains_key(&status.generation) && !self.apart.contains(&status.generation)
        };
        if let Some(promoted) = statuses.iter().find(is_unknown) {
            return Err(ViewError::Overtaken { generation: promoted.generation });
        }
        let targets: Vec<_> =
            statuses.iter().filter(|status| generations.contains(&status.generation)).collect();
        match targets.iter().find(|status| status.position != self.position) {
            Some(moved) => Err(ViewError::Overtaken { generation: moved.generation }),
            None if targets.is_empty() => Err(ViewError::NotLive { model: ReadModel::Legacy }),
            None => Ok(targets),
        }
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
