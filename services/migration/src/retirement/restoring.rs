//! Restoring: a retired view built from the log by the usual rebuild, and proven before anybody is told of it.

use daybook_domain::ReadModel;
use daybook_domain::routing::{ViewRestored, ViewRetired};
use daybook_event_log::{Category, EventLog, Filter, Position};
use futures_util::TryStreamExt;
use serde::Serialize;

use super::record;
use super::{RetirementSteps, position};
use crate::MigrationError;
use daybook_projections::FOLD_VERSION;
use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::read::routing::read_history;
use daybook_projections::rebuild::{Listener, RebuildReport};

/// What shows that a restored view is what it has to be. Each was compared with the other view besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RestorationProof {
    /// Nothing happened since the retirement, and its digest is the one that was recorded.
    RecordedDigest,
    /// Something happened since, or the rules are others by now: it says what the other view says.
    OtherView,
}

/// A retired view that was built again and serves, though nobody is led to it yet.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// What is to be recorded.
    pub restored: ViewRestored,
    /// What shows that it is right.
    pub proof: RestorationProof,
    /// What the rebuild did.
    pub report: RebuildReport,
}

impl RetirementSteps<'_> {
    /// Builds the retired view anew and proves it. Somebody has to keep the views up meanwhile. Waits until every process
    /// knows that it serves, so that nobody who is led to it then finds it missing.
    ///
    /// # Errors
    /// [`MigrationError::NotRetired`], [`MigrationError::NotAsRetired`], or what stopped the rebuild.
    pub async fn rebuild(
        &self,
        reason: Option<&str>,
        progress: Listener<'_>,
    ) -> Result<Rebuilt, MigrationError> {
        let (history, _) = read_history(&*self.of.log).await?;
        let (retired, _) = history.retirement.ok_or(MigrationError::NotRetired)?;
        self.check_other_serves(retired.model).await?;
        let report = self.of.rebuild.run_alone(&[retired.model], progress).await?;
        let proven = self.prove(&retired, &report).await;
        if proven.is_err() {
            self.stop_serving(retired.model).await?;
        }
        let (restored, proof) = proven?;
        tokio::time::sleep(self.of.patience.in_force).await;
        let restored = ViewRestored { reason: reason.map(Box::from), ..restored };
        Ok(Rebuilt { restored, proof, report })
    }

    /// A view is restored by comparing it with the one that served meanwhile.
    async fn check_other_serves(&self, retired: ReadModel) -> Result<(), ViewError> {
        let live = generation::live(&self.of.client().await?).await?;
        let other = ReadModel::ALL.into_iter().find(|model| *model != retired);
        let missing = other.filter(|model| live.iter().all(|standing| standing.generation.model != *model));
        missing.map_or(Ok(()), |model| Err(ViewError::NotLive { model }))
    }

    async fn prove(
        &self,
        retired: &ViewRetired,
        report: &RebuildReport,
    ) -> Result<(ViewRestored, RestorationProof), MigrationError> {
        let own = report.generations.iter().copied().find(|generation| generation.model == retired.model);
        let generation = own.filter(|_| report.compared).ok_or(MigrationError::NotCompared)?;
        let digest = report.digests.get(&generation.to_string()).ok_or(MigrationError::NotCompared)?;
        let restored = ViewRestored {
            model: retired.model,
            generation: generation.number,
            position: report.position.into(),
            digest: digest.to_string().into(),
            reason: None,
        };
        let from = position(retired.position)?;
        if retired.rules_version != FOLD_VERSION
            || !is_unchanged(&*self.of.log, from, report.position).await?
        {
            return Ok((restored, RestorationProof::OtherView));
        }
        if restored.digest != retired.digest {
            let recorded = retired.digest.clone();
            return Err(MigrationError::NotAsRetired { generation, found: *digest, recorded });
        }
        Ok((restored, RestorationProof::RecordedDigest))
    }

    /// Writes down that the view is there again. Does nothing where that is written.
    pub async fn note_restored(&self, model: ReadModel) -> Result<(), ViewError> {
        record::note_restored(&self.of.client().await?, model).await
    }
}

/// Whether nothing stands in a part of the log but events of routing, which no view holds. The retirement is one itself.
async fn is_unchanged(log: &dyn EventLog, after: Position, to: Position) -> Result<bool, ViewError> {
    let mut events = log.read_all(after, &Filter::all()).await?;
    while let Some(event) = events.try_next().await? {
        if event.position > to {
            break;
        }
        if event.stream.category() != Category::Routing {
            return Ok(false);
        }
    }
    Ok(true)
}
