//! Retire: the views are compared, the event is appended, and then the tables go. See [`crate::retirement`] for the order.

use daybook_commands::Origin;
use daybook_domain::ReadModel;
use daybook_domain::routing::{AdvanceStage, RoutingCommand};

use super::{OnProgress, WorkflowProgress, Workflows};
use crate::MigrationError;
use crate::retirement::{RetirementRecord, RetirementSteps};

/// A view to retire.
#[derive(Debug, Clone)]
pub struct Retire {
    /// Which view; only the legacy view can be retired.
    pub model: ReadModel,
    /// Why; it is recorded.
    pub reason: Box<str>,
    /// The stage whose entry is recorded together with the retirement: the log gets both events or neither.
    pub stage: Option<AdvanceStage>,
}

impl Workflows {
    /// Retires a view that nobody is routed to, or completes its retirement.
    ///
    /// # Errors
    /// The reason why it must not be retired yet, or the step that failed; the next call goes on from there.
    pub async fn retire(
        &self,
        retire: Retire,
        origin: &Origin,
        progress: OnProgress<'_>,
    ) -> Result<RetirementRecord, MigrationError> {
        let steps = self.retirement.begin().await?;
        let outcome = self.retire_under_lock(&steps, retire, origin, progress).await;
        steps.end().await;
        outcome
    }

    async fn retire_under_lock(
        &self,
        steps: &RetirementSteps<'_>,
        retire: Retire,
        origin: &Origin,
        progress: OnProgress<'_>,
    ) -> Result<RetirementRecord, MigrationError> {
        let Retire { model, reason, stage } = retire;
        let phase = |name| progress(WorkflowProgress::Phase(name));
        let routing = self.commands.routing();
        if !routing.is_retired(model) {
            routing.check_unused(model)?;
            phase("comparing the views");
            let examined = steps.examine(model).await?;
            let mut commands: Vec<_> = stage.map(RoutingCommand::AdvanceStage).into_iter().collect();
            commands.push(RoutingCommand::RetireView(examined.retired(&reason)));
            self.commands.change_routing_together(commands, origin.clone()).await?;
        }
        steps.finish(phase).await
    }
}
