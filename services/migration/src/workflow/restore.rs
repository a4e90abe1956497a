//! Restore: rebuilds a retired view from the log. The log must not record it as restored before it is verified.

use daybook_commands::Origin;
use daybook_domain::ReadModel;
use daybook_domain::routing::{RoutingCommand, ViewRestored};
use daybook_projections::{Progress, RebuildReport};
use serde::Serialize;

use super::{OnProgress, WorkflowProgress, Workflows};
use crate::MigrationError;
use crate::retirement::{Rebuilt, RestorationProof};

/// The result of a restoration.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// None if the view was not retired.
    pub restored: Option<ViewRestored>,
    pub proof: Option<RestorationProof>,
    pub rebuild: Option<RebuildReport>,
}

impl Workflows {
    /// Rebuilds a retired view from the log, verifies it, and records the restoration. This routes nobody to it.
    ///
    /// # Errors
    /// The rebuild fails, or the view is not correct.
    pub async fn restore(
        &self,
        model: ReadModel,
        reason: Option<&str>,
        origin: &Origin,
        progress: OnProgress<'_>,
    ) -> Result<Restored, MigrationError> {
        let steps = self.retirement.begin().await?;
        let outcome = async {
            if !self.commands.routing().is_retired(model) {
                // The process that restored it may have been killed before it updated the record.
                steps.note_restored(model).await?;
                return Ok(Restored { restored: None, proof: None, rebuild: None });
            }
            let listener = |rebuild: Progress| progress(WorkflowProgress::Rebuild(rebuild));
            let Rebuilt { restored, proof, report } = steps.rebuild(reason, &listener).await?;
            let command = RoutingCommand::RestoreView(restored.clone());
            self.commands.change_routing(command, origin.clone()).await?;
            steps.note_restored(model).await?;
            Ok(Restored { restored: Some(restored), proof: Some(proof), rebuild: Some(report) })
        };
        let outcome = outcome.await;
        steps.end().await;
        outcome
    }
}
