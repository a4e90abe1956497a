//! Roll back: returns to any earlier stage without checking gates. From the last stage, the legacy view is restored first;
//! nobody may be routed to it before.

use std::time::{Duration, Instant};

use daybook_commands::Origin;
use daybook_domain::ReadModel;
use daybook_domain::routing::{RollBackStage, RoutingCommand, RoutingRejection, Stage};
use daybook_event_log::Position;
use daybook_projections::Router;
use serde::Serialize;

use super::{OnProgress, Restored, Workflows};
use crate::MigrationError;

/// How long the router may take to follow a rollback.
const IN_FORCE_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of a rollback.
#[derive(Debug, Clone, Serialize)]
pub struct RolledBack {
    pub from: Stage,
    pub stage: Stage,
    pub position: Position,
    /// From the event until the router followed it.
    pub in_force_seconds: f64,
    /// Including the restoration.
    pub seconds: f64,
    /// Set if the legacy view had been retired.
    pub restored: Option<Restored>,
}

impl Workflows {
    /// Rolls back to an earlier stage and waits until the router follows it.
    ///
    /// # Errors
    /// The stage is a later one, the legacy view cannot be restored, or the log cannot be written.
    pub async fn roll_back(
        &self,
        to: Stage,
        reason: &str,
        router: &Router,
        origin: &Origin,
        progress: OnProgress<'_>,
    ) -> Result<RolledBack, MigrationError> {
        let (started, routing) = (Instant::now(), self.commands.routing());
        let from = routing.stage;
        if to > from {
            return Err(RoutingRejection::StageOutOfOrder { at: from, wanted: to }.into());
        }
        let restored = if routing.is_retired(ReadModel::Legacy) && to < Stage::Retired {
            Some(self.restore(ReadModel::Legacy, Some(reason), origin, progress).await?)
        } else {
            None
        };
        let command = RoutingCommand::RollBackStage(RollBackStage { stage: to, reason: reason.into() });
        let recorded = Instant::now();
        let position = self.commands.change_routing(command, origin.clone()).await?;
        router.wait_until_in_force(position, IN_FORCE_TIMEOUT).await?;
        Ok(RolledBack {
            from,
            stage: to,
            position,
            in_force_seconds: recorded.elapsed().as_secs_f64(),
            seconds: started.elapsed().as_secs_f64(),
            restored,
        })
    }
}
