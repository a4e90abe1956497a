//! Advance: the next stage, through its gates as they were measured, or past them by an override.
//!
//! The last stage is the retirement of the legacy view; an advance that was killed on the way there is completed by the
//! next one.

use std::time::{Duration, Instant};

use chrono::Utc;
use daybook_commands::Origin;
use daybook_domain::ReadModel;
use daybook_domain::routing::{AdvanceStage, Override, RoutingCommand, Stage};
use daybook_event_log::Position;
use serde::Serialize;

use super::{OnProgress, Retire, Workflows};
use crate::MigrationError;
use crate::gates::Measured;
use crate::retirement::RetirementRecord;
use crate::rollout::NextStage;

/// The reason that a retirement records if no other was given.
const GATES_MET: &str = "every gate before the last stage let through";

/// How old a measurement may be when the stage is entered on it.
const MAX_EVIDENCE_AGE: Duration = Duration::from_secs(60);

/// An advance whose gates were measured, and which changed nothing yet.
#[derive(Debug, Clone)]
pub struct ProposedAdvance {
    /// The stage before.
    pub from: Stage,
    /// The stage to enter.
    pub stage: Stage,
    /// Its gates; none if the migration is at this stage already.
    pub next: Option<NextStage>,
    /// The override, if it is needed.
    pub overridden: Option<Override>,
    measured: Option<Measured>,
    measured_at: Instant,
}

/// The result of an advance.
#[derive(Debug, Clone, Serialize)]
pub struct Advanced {
    /// The stage before.
    pub from: Stage,
    /// The stage to enter.
    pub stage: Stage,
    /// Whether it was entered by this call.
    pub entered: bool,
    /// Its gates as they were measured; none if it had been entered before.
    pub next: Option<NextStage>,
    /// The override of gates that were not met.
    pub overridden: Option<Override>,
    /// The record of the retirement, if the stage is the last one.
    pub retirement: Option<RetirementRecord>,
    /// Position of the stage's event, if it was entered by this call and is not the last one.
    #[serde(skip)]
    pub position: Option<Position>,
}

impl ProposedAdvance {
    /// An advance on gates that were measured. The override is dropped if every gate is met.
    pub fn from_measured(
        from: Stage,
        stage: Stage,
        measured: Measured,
        overridden: Option<Override>,
    ) -> Self {
        let next = NextStage::of(stage, measured.gates.clone());
        let overridden = overridden.filter(|_| next.unmet().next().is_some());
        Self {
            from,
            stage,
            next: Some(next),
            overridden,
            measured: Some(measured),
            measured_at: Instant::now(),
        }
    }

    /// Whether gates are not met and nobody overrides them.
    pub fn is_blocked(&self) -> bool {
        self.overridden.is_none() && self.next.as_ref().is_some_and(|next| next.unmet().next().is_some())
    }

    fn into_advanced(self) -> Advanced {
        let Self { from, stage, next, overridden, .. } = self;
        Advanced { from, stage, entered: false, next, overridden, retirement: None, position: None }
    }
}

impl Workflows {
    /// Measures the gates before a stage, the next one unless another is named.
    ///
    /// # Errors
    /// The stage is not the next one, or the gates cannot be measured.
    pub async fn propose_advance(
        &self,
        to: Option<Stage>,
        overridden: Option<Override>,
    ) -> Result<ProposedAdvance, MigrationError> {
        let routing = self.commands.routing();
        let (from, stage) = (routing.stage, to.or(routing.stage.next()).unwrap_or(Stage::Retired));
        if from == stage {
            let measured_at = Instant::now();
            return Ok(ProposedAdvance {
                from,
                stage,
                next: None,
                overridden: None,
                measured: None,
                measured_at,
            });
        }
        routing.check_next(stage)?;
        let measured = self.migration.measure(stage, Utc::now()).await?;
        Ok(ProposedAdvance::from_measured(from, stage, measured, overridden))
    }

    /// Enters the stage of a proposal, unless it is blocked. A stage that is entered already stays as it is; a retirement
    /// is completed.
    ///
    /// # Errors
    /// The log rejects the change or cannot be written, or the retirement fails.
    pub async fn advance(
        &self,
        mut proposed: ProposedAdvance,
        reason: Option<Box<str>>,
        origin: &Origin,
        progress: OnProgress<'_>,
    ) -> Result<Advanced, MigrationError> {
        let Some(measured) = proposed.measured.take() else {
            return self.complete(proposed, reason, origin, progress).await;
        };
        if proposed.is_blocked() {
            return Ok(proposed.into_advanced());
        }
        let stage = proposed.stage;
        let Measured { position, gates } = if proposed.measured_at.elapsed() > MAX_EVIDENCE_AGE {
            // The operator took a while to confirm; what is recorded has to hold now.
            self.migration.measure(stage, Utc::now()).await?
        } else {
            measured
        };
        let overridden = proposed.overridden.clone();
        let command = AdvanceStage { stage, position, gates, overridden, reason };
        let mut advanced = proposed.into_advanced();
        if stage == Stage::Retired {
            let overridden = command.overridden.as_ref().map(|overridden| overridden.reason.clone());
            let reason = command.reason.clone().or(overridden).unwrap_or_else(|| GATES_MET.into());
            let retire = Retire { model: ReadModel::Legacy, reason, stage: Some(command) };
            advanced.retirement = Some(self.retire(retire, origin, progress).await?);
        } else {
            let command = RoutingCommand::AdvanceStage(command);
            advanced.position = Some(self.commands.change_routing(command, origin.clone()).await?);
        }
        advanced.entered = true;
        Ok(advanced)
    }

    /// Completes a retirement whose process was killed; does nothing at any other stage.
    async fn complete(
        &self,
        proposed: ProposedAdvance,
        reason: Option<Box<str>>,
        origin: &Origin,
        progress: OnProgress<'_>,
    ) -> Result<Advanced, MigrationError> {
        let mut advanced = proposed.into_advanced();
        if advanced.stage == Stage::Retired {
            let reason = reason.unwrap_or_else(|| GATES_MET.into());
            let retire = Retire { model: ReadModel::Legacy, reason, stage: None };
            advanced.retirement = Some(self.retire(retire, origin, progress).await?);
        }
        Ok(advanced)
    }
}
