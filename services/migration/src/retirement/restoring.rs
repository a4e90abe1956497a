//! Restoring: a retired view is rebuilt from the log. It must be verified before anybody may be routed to it.

use daybook_domain::ReadModel;
use daybook_domain::routing::{ViewRestored, ViewRetired};
use daybook_event_log::{EventLog, Filter, Position};
use futures_util::TryStreamExt;
use serde::Serialize;

use super::record;
use super::{RetirementSteps, position};
use crate::MigrationError;
use daybook_projections::control::generation;
use daybook_projections::read::routing::read_history;
use daybook_projections::rebuild::{Listener, RebuildReport};
use daybook_projections::{FOLD_VERSION, ViewError, changes_views};

/// The evidence that a restored view is correct, besides its comparison with the other view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RestorationProof {
    /// No event changed the views since the retirement, and the digest equals the recorded one.
    RecordedDigest,
    /// Events or the rules changed since, so the comparison with the other view is the only evidence.
    OtherView,
}

/// A rebuilt view that serves, although nobody is routed to it yet.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// The event to append.
    pub restored: ViewRestored,
    pub proof: RestorationProof,
    pub report: RebuildReport,
}

impl RetirementSteps<'_> {
    /// Rebuilds and verifies the retired view, then waits until every process knows that it serves. The views must be kept up
    /// to date meanwhile.
    ///
    /// # Errors
    /// [`MigrationError::NotRetired`], [`MigrationError::NotAsRetired`], or the error of the rebuild.
    pub async fn rebuild(
        &self,
        reason: Option<&str>,
        progress: Listener<'_>,
    ) -> Result<Rebuilt, MigrationError> {
        let (history, _) = read_history(&*self.retirement.log).await?;
        let (retired, _) = history.retirement.ok_or(MigrationError::NotRetired)?;
        self.check_other_serves(retired.model).await?;
        let report = self.retirement.rebuild.run_alone(&[retired.model], progress).await?;
        let verified = self.verify(&retired, &report).await;
        if verified.is_err() {
            self.stop_serving(retired.model).await?;
        }
        let (restored, proof) = verified?;
        tokio::time::sleep(self.retirement.patience.in_force).await;
        let restored = ViewRestored { reason: reason.map(Box::from), ..restored };
        Ok(Rebuilt { restored, proof, report })
    }

    /// A restored view is verified against the one that served meanwhile.
    async fn check_other_serves(&self, retired: ReadModel) -> Result<(), ViewError> {
        let live = generation::live(&self.retirement.client().await?).await?;
        let other = ReadModel::ALL.into_iter().find(|model| *model != retired);
        let missing = other.filter(|model| live.iter().all(|status| status.generation.model != *model));
        missing.map_or(Ok(()), |model| Err(ViewError::NotLive { model }))
    }

    async fn verify(
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
            || !is_unchanged(&*self.retirement.log, from, report.position).await?
        {
            return Ok((restored, RestorationProof::OtherView));
        }
        if restored.digest != retired.digest {
            let recorded = retired.digest.clone();
            return Err(MigrationError::NotAsRetired { generation, found: *digest, recorded });
        }
        Ok((restored, RestorationProof::RecordedDigest))
    }

    /// Records that the view was restored, unless that is recorded already.
    pub async fn note_restored(&self, model: ReadModel) -> Result<(), ViewError> {
        record::note_restored(&self.retirement.client().await?, model).await
    }
}

/// Whether a part of the log has nothing that views contain, such as the retirement itself.
async fn is_unchanged(log: &dyn EventLog, after: Position, to: Position) -> Result<bool, ViewError> {
    let mut events = log.read_all(after, &Filter::all()).await?;
    while let Some(event) = events.try_next().await? {
        if event.position > to {
            break;
        }
        if changes_views(event.stream.category()) {
            return Ok(false);
        }
    }
    Ok(true)
}
