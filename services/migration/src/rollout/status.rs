//! The status of the migration: stage, soak time, gates of the next stage, checklist and history.

use chrono::{DateTime, Utc};
use daybook_domain::routing::{
    Attribution, ChecklistItem, Gate, GateResult, GuardrailTrip, ItemRecord, ObservedFlags, RolloutHistory,
    RolloutStep, Stage,
};
use serde::Serialize;

use super::Migration;
use daybook_projections::ViewError;
use daybook_projections::read::routing::read_history;

/// The status of the migration.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub stage: Stage,
    /// None if the clinic never left the first stage.
    pub since: Option<DateTime<Utc>>,
    /// Percentage of subjects whose reads the dynamic view answers.
    pub dynamic_percent: f64,
    /// The rollback to the legacy view that is in force; none if there is none.
    pub rolled_back: Option<Attribution>,
    pub soak: Soak,
    /// None in the last stage.
    pub next: Option<NextStage>,
    /// All items, completed or not.
    pub checklist: Vec<CheckedItem>,
    /// The old system's feature flags.
    pub flags: ObservedFlags,
    pub last_trip: Option<GuardrailTrip>,
    /// All steps, the oldest first.
    pub history: Vec<RolloutStep>,
}

/// How long a stage has lasted, and its soak time, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Soak {
    /// None if its start was never recorded.
    pub lasted_seconds: Option<u64>,
    /// None if the stage has no soak time.
    pub asked_seconds: Option<u64>,
}

/// A stage and the gates before it.
#[derive(Debug, Clone, Serialize)]
pub struct NextStage {
    pub stage: Stage,
    pub gates: Vec<GateResult>,
    /// Gates that could not be measured. They count as unmet.
    pub unmeasured: Vec<Gate>,
}

/// An item of the checklist.
#[derive(Debug, Clone, Serialize)]
pub struct CheckedItem {
    pub item: ChecklistItem,
    /// The last completion; none if the item is not completed.
    pub done: Option<Attribution>,
    pub evidence: Option<Box<str>>,
}

impl NextStage {
    /// The gates that are not met.
    pub fn unmet(&self) -> impl Iterator<Item = Gate> + use<'_> {
        Gate::unmet(self.stage, &self.gates)
    }
}

impl Migration {
    /// The status, with the gates of the next stage measured.
    ///
    /// # Errors
    /// The log or the views cannot be read.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Status, ViewError> {
        let (history, _) = read_history(&*self.log).await?;
        let (routing, since) = (&history.routing, history.since());
        let next = match routing.stage.next() {
            Some(stage) => Some(self.next_stage(stage, now).await?),
            None => None,
        };
        let rolled_back = history.steps.last().filter(|_| routing.rolled_back);
        Ok(Status {
            stage: routing.stage,
            since,
            dynamic_percent: routing.share.as_percent(),
            rolled_back: rolled_back.map(|step| step.change.clone()),
            soak: self.soak(routing.stage, since, now),
            next,
            checklist: ChecklistItem::ALL
                .into_iter()
                .map(|item| CheckedItem::from_history(item, &history))
                .collect(),
            flags: routing.flags.into(),
            last_trip: history.last_trip,
            history: history.steps,
        })
    }

    /// Measures the gates before a stage.
    ///
    /// # Errors
    /// The log or the views cannot be read.
    pub async fn next_stage(&self, stage: Stage, now: DateTime<Utc>) -> Result<NextStage, ViewError> {
        Ok(NextStage::of(stage, self.measure(stage, now).await?.gates))
    }

    fn soak(&self, stage: Stage, since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Soak {
        let lasted = since.map(|since| (now - since).to_std().unwrap_or_default().as_secs());
        Soak { lasted_seconds: lasted, asked_seconds: self.soak_seconds(stage) }
    }
}

impl NextStage {
    /// A stage with its measured gates.
    pub fn of(stage: Stage, gates: Vec<GateResult>) -> Self {
        let is_measured = |gate: &Gate| gates.iter().any(|result| result.gate == *gate);
        let unmeasured = Gate::before(stage).filter(|gate| !is_measured(gate)).collect();
        Self { stage, gates, unmeasured }
    }
}

impl CheckedItem {
    fn from_history(item: ChecklistItem, history: &RolloutHistory) -> Self {
        let record = history.checklist.get(&item);
        let done = |ItemRecord { recording, .. }: &ItemRecord| Attribution {
            at: recording.at,
            by: recording.actor.as_str().into(),
            reason: None,
        };
        Self { item, done: record.map(done), evidence: record.map(|record| record.evidence.clone()) }
    }
}
