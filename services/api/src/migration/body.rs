//! The status of the migration for administrators.
//!
//! The values are those of `daybook-migration`; only keys that are not camelCase there are mapped here. Nothing is
//! computed.

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_domain::routing::{
    Attribution, Gate, Guardrail, GuardrailTrip, GuardrailTripped, ObservedFlags, Override, RolloutStep,
    Stage, StepCause,
};
use daybook_migration::rollout::{CheckedItem, NextStage, Soak, Status};
use serde::Serialize;

use super::background::Workflow;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    success: bool,
    stage: Stage,
    since: Option<DateTime<Utc>>,
    dynamic_percentage: f64,
    rolled_back: Option<Attribution>,
    #[serde(with = "SoakKeys")]
    soak: Soak,
    next: Option<Next>,
    checklist: Vec<CheckedItem>,
    #[serde(with = "FlagKeys")]
    flags: ObservedFlags,
    last_trip: Option<Trip>,
    history: Vec<Step>,
    /// Whether this process routes by the stage already; other processes follow within a second.
    in_force: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<Workflow>,
}

/// The gates before a stage, and those of them that are not met.
#[derive(Serialize)]
pub(super) struct Next {
    #[serde(flatten)]
    next: NextStage,
    shut: Vec<Gate>,
}

#[derive(Serialize)]
#[serde(remote = "Soak", rename_all = "camelCase")]
struct SoakKeys {
    lasted_seconds: Option<u64>,
    asked_seconds: Option<u64>,
}

#[derive(Serialize)]
#[serde(remote = "ObservedFlags", rename_all = "camelCase")]
struct FlagKeys {
    use_dynamic_services: Option<bool>,
    rollout_percentage: Option<f64>,
}

#[derive(Serialize)]
struct Trip {
    at: DateTime<Utc>,
    #[serde(flatten, with = "TrippedKeys")]
    tripped: GuardrailTripped,
}

#[derive(Serialize)]
#[serde(remote = "GuardrailTripped", rename_all = "camelCase")]
struct TrippedKeys {
    guardrail: Guardrail,
    model: ReadModel,
    found: Box<str>,
    limit: Box<str>,
    window_seconds: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    stage: Stage,
    dynamic_percentage: f64,
    how: StepCause,
    #[serde(flatten)]
    change: Attribution,
    shut: Vec<Gate>,
    overridden: Option<Override>,
}

impl Body {
    pub(super) fn new(status: Status, in_force: bool, workflow: Option<Workflow>) -> Self {
        Self {
            success: true,
            stage: status.stage,
            since: status.since,
            dynamic_percentage: status.dynamic_percent,
            rolled_back: status.rolled_back,
            soak: status.soak,
            next: status.next.map(Next::from),
            checklist: status.checklist,
            flags: status.flags,
            last_trip: status.last_trip.map(|GuardrailTrip { at, tripped }| Trip { at, tripped }),
            history: status.history.into_iter().map(Step::from).collect(),
            in_force,
            workflow,
        }
    }
}

impl From<NextStage> for Next {
    fn from(next: NextStage) -> Self {
        Self { shut: next.unmet().collect(), next }
    }
}

impl From<RolloutStep> for Step {
    fn from(step: RolloutStep) -> Self {
        let RolloutStep { stage, dynamic_percent, cause, change, shut, overridden, .. } = step;
        Self { stage, dynamic_percentage: dynamic_percent, how: cause, change, shut, overridden }
    }
}
