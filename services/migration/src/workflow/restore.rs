//! Restore: a retired view is built from the log, proven, and only then counted on again.

use daybook_commands::Origin;
use daybook_domain::ReadModel;
use daybook_domain::routing::{RoutingCommand, ViewRestored};
use daybook_projections::{Progress, RebuildReport};
use serde::Serialize;

use super::{OnProgress, WorkflowProgress, Workflows};
use crate::MigrationError;
use crate::retirement::{Rebuilt, RestorationProof, RetirementSteps};

/// The result of a restoration.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// The recorded event; none if the view was not retired.
    pub restored: Option<ViewRestored>,
    /// What shows that the view is right.
    pub proof: Option<RestorationProof>,
    /// The report of the rebuild.
    pub rebuild: Option<RebuildReport>,
}

impl Workflows {
    /// Builds a retired view from the log, proves it, and records that it is there again. Nobody is routed to it by that.
    ///
    /// # Errors
    /// The rebuild fails, or the view is not what it has to be.
    pub async fn restore(
        &self,
        model: ReadModel,
        reason: Option<&str>,
        origin: &Origin,
        progress: OnProgress<'_>,
    ) -> Result<Restored, MigrationError> {
        let steps = self.retirement.begin().await?;
        let outcome = self.restore_under_lock(&steps, model, reason, origin, progress).await;
        steps.end().await;
        outcome
    }

    async fn restore_under_lock(
        &self,
        steps: &RetirementSteps<'_>,
        model: ReadModel,
        reason: Option<&str>,
        origin: &Origin,
        progress: OnProgress<'_>,
    ) -> Result<Restored, MigrationError> {
        if !self.commands.routing().is_retired(model) {
            // A process that restored it may have been killed before it noted that.
            steps.note_restored(model).await?;
            return Ok(Restored { restored: None, proof: None, rebuild: None });
        }
        let listener = |rebuild: Progress| progress(WorkflowProgress::Rebuild(rebuild));
        let Rebuilt { restored, proof, report } = steps.rebuild(reason, &listener).await?;
        let command = RoutingCommand::RestoreView(restored.clone());
        self.commands.change_routing(command, origin.clone()).await?;
        steps.note_restored(model).await?;
        Ok(Restored { restored: Some(restored), proof: Some(proof), rebuild: Some(report) })
    }
}
