//! Advance: enters the next stage. It must never pass an unmet gate without a recorded override.
//!
//! The last stage retires the legacy view; the next advance completes an interrupted one.

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

/// The recorded reason of a retirement without another one.
const GATES_MET: &str = "all gates before the last stage are met";

/// Maximum age of a measurement when its stage is entered.
const MAX_MEASUREMENT_AGE: Duration = Duration::from_secs(60);

/// An advance with measured gates that has changed nothing yet.
#[derive(Debug, Clone)]
pub struct ProposedAdvance {
    pub from: Stage,
    pub stage: Stage,
    /// The gates of `stage`; none if the migration is at this stage already.
    pub next: Option<NextStage>,
    /// The override, if a gate is not met.
    pub overridden: Option<Override>,
    measured: Option<Measured>,
    measured_at: Instant,
}

/// The result of an advance.
#[derive(Debug, Clone, Serialize)]
pub struct Advanced {
    pub from: Stage,
    pub stage: Stage,
    /// Whether this call entered the stage.
    pub entered: bool,
    /// The measured gates of the stage; none if it had been entered before.
    pub next: Option<NextStage>,
    pub overridden: Option<Override>,
    /// Set if the stage is the last one.
    pub retirement: Option<RetirementRecord>,
    /// Position of the event, if this call entered the stage and it is not the last one.
    #[serde(skip)]
    pub position: Option<Position>,
}

impl ProposedAdvance {
    /// Proposes an advance on measured gates. The override is dropped if every gate is met.
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

    /// Whether a gate is neither met nor overridden.
    pub fn is_blocked(&self) -> bool {
        self.overridden.is_none() && self.next.as_ref().is_some_and(|next| next.unmet().next().is_some())
    }

    fn into_advanced(self) -> Advanced {
        let Self { from, stage, next, overridden, .. } = self;
        Advanced { from, stage, entered: false, next, overridden, retirement: None, position: None }
    }
}

impl Workflows {
    /// Measures the gates before a stage; before the next one if `to` is none.
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
            let (next, overridden, measured, measured_at) = (None, None, None, Instant::now());
            return Ok(ProposedAdvance { from, stage, next, overridden, measured, measured_at });
        }
        routing.check_next(stage)?;
        let measured = self.migration.measure(stage, Utc::now()).await?;
        Ok(ProposedAdvance::from_measured(from, stage, measured, overridden))
    }

    /// Enters the proposed stage unless it is blocked. If the stage was entered before, completes its retirement, if any.
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
            let mut advanced = proposed.into_advanced();
            if advanced.stage == Stage::Retired {
                // The process that entered it may have been killed before the tables were dropped.
                let reason = reason.unwrap_or_else(|| GATES_MET.into());
                let retire = Retire { model: ReadModel::Legacy, reason, stage: None };
                advanced.retirement = Some(self.retire(retire, origin, progress).await?);
            }
            return Ok(advanced);
        };
        if proposed.is_blocked() {
            return Ok(proposed.into_advanced());
        }
        let stage = proposed.stage;
        let Measured { position, gates } = if proposed.measured_at.elapsed() > MAX_MEASUREMENT_AGE {
            // The operator took a while to confirm; the recorded gates must be current.
            self.migration.measure(stage, Utc::now()).await?
        } else {
            measured
        };
        let overridden = proposed.overridden.clone();
        let command = AdvanceStage { stage, position, gates, overridden, reason };
        let mut advanced = proposed.into_advanced();
        if stage == Stage::Retired {
            let override_reason = command.overridden.as_ref().map(|overridden| overridden.reason.clone());
            let reason = command.reason.clone().or(override_reason).unwrap_or_else(|| GATES_MET.into());
            let retire = Retire { model: ReadModel::Legacy, reason, stage: Some(command) };
            advanced.retirement = Some(self.retire(retire, origin, progress).await?);
        } else {
            let command = RoutingCommand::AdvanceStage(command);
            advanced.position = Some(self.commands.change_routing(command, origin.clone()).await?);
        }
        advanced.entered = true;
        Ok(advanced)
    }
}
