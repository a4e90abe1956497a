//! Where the migration stands, as administrators see it.

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_domain::routing::{Attribution, GuardrailTrip, ObservedFlags, RolloutStep, StepCause};
use daybook_domain::routing::{Gate, GateResult, Override, Stage};
use daybook_migration::rollout::{NextStage, Status};
use serde::Serialize;

use super::background::Workflow;

/// The stage, what the next one asks, the checklist, and what happened on the way.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    success: bool,
    stage: Stage,
    since: Option<DateTime<Utc>>,
    dynamic_percentage: f64,
    rolled_back: Option<Changed>,
    soak: Soak,
    next: Option<Next>,
    checklist: Vec<Item>,
    flags: ShownFlags,
    last_trip: Option<ShownTrip>,
    history: Vec<ShownStep>,
    /// Whether this process routes by it already; others follow within a second.
    in_force: bool,
    /// The workflow that this process carries out, if one is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<Workflow>,
}

#[derive(Serialize)]
struct Changed {
    at: DateTime<Utc>,
    by: Box<str>,
    reason: Option<Box<str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Soak {
    lasted_seconds: Option<u64>,
    asked_seconds: Option<u64>,
}

/// A stage and the gates before it.
#[derive(Serialize)]
pub(super) struct Next {
    stage: Stage,
    gates: Vec<GateResult>,
    unmeasured: Vec<Gate>,
    /// Those of both that do not let through.
    shut: Vec<Gate>,
}

#[derive(Serialize)]
struct Item {
    item: &'static str,
    done: Option<Changed>,
    evidence: Option<Box<str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownFlags {
    use_dynamic_services: Option<bool>,
    rollout_percentage: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownTrip {
    at: DateTime<Utc>,
    guardrail: &'static str,
    model: ReadModel,
    found: Box<str>,
    limit: Box<str>,
    window_seconds: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownStep {
    stage: Stage,
    dynamic_percentage: f64,
    how: StepCause,
    #[serde(flatten)]
    changed: Changed,
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
            rolled_back: status.rolled_back.map(Changed::from),
            soak: Soak {
                lasted_seconds: status.soak.lasted_seconds,
                asked_seconds: status.soak.asked_seconds,
            },
            next: status.next.map(Next::from),
            checklist: status
                .checklist
                .into_iter()
                .map(|own| Item {
                    item: own.item.as_str(),
                    done: own.done.map(Changed::from),
                    evidence: own.evidence,
                })
                .collect(),
            flags: status.flags.into(),
            last_trip: status.last_trip.map(ShownTrip::from),
            history: status.history.into_iter().map(ShownStep::from).collect(),
            in_force,
            workflow,
        }
    }
}

impl From<NextStage> for Next {
    fn from(next: NextStage) -> Self {
        let shut = next.unmet().collect();
        let NextStage { stage, gates, unmeasured } = next;
        Self { stage, gates, unmeasured, shut }
    }
}

impl From<Attribution> for Changed {
    fn from(change: Attribution) -> Self {
        let Attribution { at, by, reason } = change;
        Self { at, by, reason }
    }
}

impl From<ObservedFlags> for ShownFlags {
    fn from(flags: ObservedFlags) -> Self {
        let ObservedFlags { use_dynamic_services, rollout_percentage } = flags;
        Self { use_dynamic_services, rollout_percentage }
    }
}

impl From<GuardrailTrip> for ShownTrip {
    fn from(trip: GuardrailTrip) -> Self {
        let GuardrailTrip { at, tripped } = trip;
        Self {
            at,
            guardrail: tripped.guardrail.as_str(),
            model: tripped.model,
            found: tripped.found,
            limit: tripped.limit,
            window_seconds: tripped.window_seconds,
        }
    }
}

impl From<RolloutStep> for ShownStep {
    fn from(step: RolloutStep) -> Self {
        let RolloutStep { stage, dynamic_percent, cause, change, shut, overridden, .. } = step;
        Self {
            stage,
            dynamic_percentage: dynamic_percent,
            how: cause,
            changed: change.into(),
            shut,
            overridden,
        }
    }
}
