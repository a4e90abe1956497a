//! Retire: compares the views, appends the event, then drops the tables. This order must not change; [`crate::retirement`]
//! explains it.

use daybook_commands::Origin;
use daybook_domain::ReadModel;
use daybook_domain::routing::{AdvanceStage, RoutingCommand};

use super::{OnProgress, WorkflowProgress, Workflows};
use crate::MigrationError;
use crate::retirement::RetirementRecord;

/// A view to retire.
#[derive(Debug, Clone)]
pub struct Retire {
    /// Only the legacy view can be retired.
    pub model: ReadModel,
    pub reason: Box<str>,
    /// The stage to enter with the retirement; the log gets both events or neither.
    pub stage: Option<AdvanceStage>,
}

impl Workflows {
    /// Retires a view to which nobody is routed, or completes its retirement.
    ///
    /// # Errors
    /// The view must not be retired yet, or a step failed; the next call continues from there.
    pub async fn retire(
        &self,
        retire: Retire,
        origin: &Origin,
        progress: OnProgress<'_>,
    ) -> Result<RetirementRecord, MigrationError> {
        let steps = self.retirement.begin().await?;
        let outcome = async {
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
        };
        let outcome = outcome.await;
        steps.end().await;
        outcome
    }
}
