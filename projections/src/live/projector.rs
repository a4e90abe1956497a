//! Applies batches of events to generations: rows, digests and checkpoint in one transaction.
//!
//! Generations that stand at the same position are moved on together, so that at any instant the two live views hold the
//! same history and can be compared as they are.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::ReadModel;
use daybook_event_log::vault::Vault;
use daybook_event_log::{EventLog, Position, RecordedEvent};
use deadpool_postgres::{GenericClient, Transaction};

use crate::ViewError;
use crate::control::generation::{self, Generation, GenerationStatus};
use crate::control::leader::{Epoch, Session};
use crate::live::parked::{self, BatchApplier, BlockedKeys, Entry, LeftOut, Mode, before_fault};
use crate::projection::change::Interpreter;
use crate::projection::fold::Reference;
use crate::projection::interpret::{Judged, interpret, resume};

/// Channel on which every move of a checkpoint and every promotion is announced.
pub const VIEWS_CHANNEL: &str = "daybook_views";

/// A projector that stands at a position and moves generations on from there.
#[derive(Debug)]
pub(crate) struct Projector {
    vault: Vault,
    interpreter: Interpreter,
    views: HashMap<Generation, View>,
    discarded: LeftOut,
    position: Position,
}

/// What is known of a generation at the projector's position. Reference data is a generation's own: what one could not
/// take in, the other may hold.
#[derive(Debug, Clone)]
struct View {
    reference: Reference,
    parked: u64,
}

impl Projector {
    /// A projector of some generations that stands at a position.
    pub(crate) async fn at(
        log: &Arc<dyn EventLog>,
        vault: &Vault,
        client: &impl GenericClient,
        generations: &[Generation],
        position: Position,
    ) -> Result<Self, ViewError> {
        let parked = generation::parked(client, generations).await?;
        let mut known: Vec<(LeftOut, Reference)> = Vec::new();
        let (mut interpreter, mut views) = (Interpreter::default(), HashMap::new());
        for (generation, parked) in parked {
            let left_out = parked::left_out(client, generation).await?;
            // Mostly nothing is left out, or both views go without the same.
            let same = known.iter().find(|(other, _)| *other == left_out).map(|(_, same)| same.clone());
            let reference = match same {
                Some(same) => same,
                None => {
                    let (forgotten, reference) = resume(log.as_ref(), vault, position, &left_out).await?;
                    interpreter.merge(forgotten);
                    known.push((left_out, reference.clone()));
                    reference
                }
            };
            views.insert(generation, View { reference, parked });
        }
        let discarded = parked::discarded(client).await?;
        Ok(Self { vault: vault.clone(), interpreter, views, discarded, position })
    }

    /// Up to where it has come.
    pub(crate) const fn position(&self) -> Position {
        self.position
    }

    /// Applies a batch to the live generations that stand where the projector does. What one of them cannot take in is
    /// parked there with what is later about the same.
    ///
    /// Fails with [`ViewError::Overtaken`] where none does: somebody else moved them, took in what was parked, or
    /// promoted another one. Fails with [`ViewError::Deposed`] where another process leads.
    pub(crate) async fn move_live(
        &mut self,
        session: &mut Session,
        recorded: &[RecordedEvent],
    ) -> Result<(), ViewError> {
        let batch = interpret(&mut self.interpreter, &self.vault, recorded, &self.discarded).await?;
        let last = recorded.last().map_or(self.position, |event| event.position);
        let moved = match self.try_live(session, &batch, last, Mode::Whole).await {
            Err(error) if error.refused_value().is_some() => {
                self.try_live(session, &batch, last, Mode::Parts).await?
            }
            outcome => outcome?,
        };
        self.position = last;
        for (generation, view, entries) in moved {
            parked::tell(generation, &entries);
            self.views.insert(generation, view);
        }
        Ok(())
    }

    async fn try_live(
        &self,
        session: &mut Session,
        batch: &[Judged<'_>],
        last: Position,
        mode: Mode,
    ) -> Result<Vec<(Generation, View, Vec<Entry>)>, ViewError> {
        let epoch = session.epoch();
        let mut transaction = session.begin().await?;
        let standings = generation::hold_live(&transaction).await?;
        let mut moved = Vec::new();
        for standing in targets(&standings, self.position)? {
            let (generation, parked) = (standing.generation, standing.parked);
            let View { reference, parked: known } = self.view(generation)?;
            if *known != parked {
                // Somebody took in what was parked: its reference data may be other by now.
                return Err(ViewError::Overtaken { generation });
            }
            let mut sift = BatchApplier::after(&transaction, generation, reference.clone(), parked).await?;
            sift.take_in(&mut transaction, batch, mode).await?;
            let (reference, parked, entries) = sift.park(&transaction, parked).await?;
            self.advance(&transaction, generation, last, Some(epoch)).await?;
            moved.push((generation, View { reference, parked }, entries));
        }
        commit(transaction).await?;
        Ok(moved)
    }

    /// Applies a batch to generations that are being built and that nobody else moves. The first event that one of them
    /// cannot take in ends it.
    ///
    /// No epoch fences it: a rebuild runs beside the leader, in whatever process was asked for it. Its own lock keeps it
    /// alone, nobody reads what it writes, and it is promoted only with the live checkpoints held, so that the leader
    /// either committed before or finds another generation live.
    pub(crate) async fn move_building(
        &mut self,
        mut transaction: Transaction<'_>,
        targets: &[Generation],
        recorded: &[RecordedEvent],
    ) -> Result<(), ViewError> {
        let batch = interpret(&mut self.interpreter, &self.vault, recorded, &self.discarded).await?;
        let last = recorded.last().map_or(self.position, |event| event.position);
        let (sound, fault) = before_fault(batch);
        let mut moved = Vec::new();
        for generation in targets.iter().copied() {
            let View { reference, .. } = self.view(generation)?;
            let mut sift = BatchApplier::new(generation, reference.clone(), BlockedKeys::default());
            sift.take_in_all(&mut transaction, &sound).await?;
            self.advance(&transaction, generation, last, None).await?;
            let (reference, parked, _) = sift.park(&transaction, 0).await?;
            moved.push((generation, View { reference, parked }));
        }
        fault?;
        commit(transaction).await?;
        self.position = last;
        self.views.extend(moved);
        Ok(())
    }

    fn view(&self, generation: Generation) -> Result<&View, ViewError> {
        self.views.get(&generation).ok_or(ViewError::Overtaken { generation })
    }

    /// Moves a generation's checkpoint on from where the batch was read.
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

/// Commits what was written to views, and announces that they have moved.
pub(crate) async fn commit(transaction: Transaction<'_>) -> Result<(), ViewError> {
    transaction.execute("SELECT pg_notify($1, '')", &[&VIEWS_CHANNEL]).await?;
    transaction.commit().await?;
    Ok(())
}

/// The generations that stand at a position.
fn targets(standings: &[GenerationStatus], position: Position) -> Result<Vec<&GenerationStatus>, ViewError> {
    let here: Vec<&GenerationStatus> = standings.iter().filter(|s| s.position == position).collect();
    let behind = standings.iter().find(|standing| standing.position < position);
    match (behind, here.as_slice(), standings.first()) {
        (Some(standing), _, _) | (None, [], Some(standing)) => {
            Err(ViewError::Overtaken { generation: standing.generation })
        }
        (None, [], None) => Err(ViewError::NotLive { model: ReadModel::Legacy }),
        (None, [_, ..], _) => Ok(here),
    }
}
