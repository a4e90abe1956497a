//! Applies batches of events to generations: rows, digests and checkpoint in one transaction.
//!
//! Generations that stand at the same position are moved on together, so that at any instant the two live views hold the
//! same history and can be compared as they are.

use std::sync::Arc;

use daybook_domain::ReadModel;
use daybook_event_log::vault::Vault;
use daybook_event_log::{EventLog, Position, Recorded};
use deadpool_postgres::Transaction;

use crate::ViewError;
use crate::effect::{Effect, Interpreter};
use crate::fold::Reference;
use crate::generation::{self, Generation, Standing};
use crate::interpret::{interpret, resume};
use crate::leader::{Epoch, Session};
use crate::row::dynamic::DynamicRow;
use crate::row::legacy::LegacyRow;
use crate::store;

/// Channel on which every move of a checkpoint and every promotion is announced.
pub(crate) const VIEWS_CHANNEL: &str = "daybook_views";

/// A projector that stands at a position and moves generations on from there.
#[derive(Debug)]
pub(crate) struct Projector {
    vault: Vault,
    interpreter: Interpreter,
    reference: Reference,
    position: Position,
}

impl Projector {
    /// A projector that stands at a position.
    pub(crate) async fn at(
        log: &Arc<dyn EventLog>,
        vault: &Vault,
        position: Position,
    ) -> Result<Self, ViewError> {
        let (interpreter, reference) = resume(log.as_ref(), vault, position).await?;
        Ok(Self { vault: vault.clone(), interpreter, reference, position })
    }

    /// Up to where it has come.
    pub(crate) const fn position(&self) -> Position {
        self.position
    }

    /// Applies a batch to the live generations that stand where the projector does.
    ///
    /// Fails with [`ViewError::Overtaken`] where none does: somebody else moved them, or another one was promoted. Fails
    /// with [`ViewError::Deposed`] where another process leads.
    pub(crate) async fn move_live(
        &mut self,
        session: &mut Session,
        recorded: &[Recorded],
    ) -> Result<(), ViewError> {
        let epoch = session.epoch();
        let transaction = session.begin().await?;
        let standings = generation::hold_live(&transaction).await?;
        let targets = targets(&standings, self.position)?;
        self.apply(transaction, &targets, recorded, Some(epoch)).await
    }

    /// Applies a batch to generations that are being built and that nobody else moves.
    ///
    /// No epoch fences it: a rebuild runs beside the leader, in whatever process was asked for it. Its own lock keeps it
    /// alone, nobody reads what it writes, and it is promoted only with the live checkpoints held, so that the leader
    /// either committed before or finds another generation live.
    pub(crate) async fn move_building(
        &mut self,
        transaction: Transaction<'_>,
        targets: &[Generation],
        recorded: &[Recorded],
    ) -> Result<(), ViewError> {
        self.apply(transaction, targets, recorded, None).await
    }

    async fn apply(
        &mut self,
        transaction: Transaction<'_>,
        targets: &[Generation],
        recorded: &[Recorded],
        epoch: Option<Epoch>,
    ) -> Result<(), ViewError> {
        let batch = interpret(&mut self.interpreter, &self.vault, recorded).await?;
        let mut reference = self.reference.clone();
        for target in targets {
            reference = apply_to(&transaction, *target, &batch.effects, self.reference.clone()).await?;
            if !generation::advance(&transaction, *target, self.position, batch.last, epoch).await? {
                return Err(ViewError::Overtaken { generation: *target });
            }
        }
        transaction.execute("SELECT pg_notify($1, '')", &[&VIEWS_CHANNEL]).await?;
        transaction.commit().await?;
        (self.reference, self.position) = (reference, batch.last);
        Ok(())
    }
}

/// The generations that stand at a position.
fn targets(standings: &[Standing], position: Position) -> Result<Vec<Generation>, ViewError> {
    let here: Vec<Generation> =
        standings.iter().filter(|s| s.position == position).map(|s| s.generation).collect();
    let behind = standings.iter().find(|standing| standing.position < position);
    match (behind, here.as_slice(), standings.first()) {
        (Some(standing), _, _) | (None, [], Some(standing)) => {
            Err(ViewError::Overtaken { generation: standing.generation })
        }
        (None, [], None) => Err(ViewError::NotLive { model: ReadModel::Legacy }),
        (None, [_, ..], _) => Ok(here),
    }
}

async fn apply_to(
    transaction: &Transaction<'_>,
    target: Generation,
    effects: &[Effect],
    reference: Reference,
) -> Result<Reference, ViewError> {
    match target.model {
        ReadModel::Legacy => store::apply::<LegacyRow>(transaction, target, effects, reference).await,
        ReadModel::Dynamic => store::apply::<DynamicRow>(transaction, target, effects, reference).await,
    }
}
