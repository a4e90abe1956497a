//! Where the migration stands: the stage, since when, what the next one still asks, and what was noted.

use chrono::{DateTime, Utc};
use daybook_domain::routing::{
    Attribution, ChecklistItem, Gate, GateResult, GuardrailTrip, ItemRecord, ObservedFlags, RolloutHistory,
    RolloutStep, Stage,
};
use serde::Serialize;

use super::Migration;
use daybook_projections::ViewError;
use daybook_projections::read::routing::read_history;

/// Where the migration stands.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The stage.
    pub stage: Stage,
    /// Since when; none where the clinic never left the first one.
    pub since: Option<DateTime<Utc>>,
    /// Percentage of subjects that the share gives to the dynamic view.
    pub dynamic_percent: f64,
    /// Who sent everybody back to the legacy view, when and why; none where nobody did since the last step forward.
    pub rolled_back: Option<Attribution>,
    /// How long the stage has lasted, and how long it has to.
    pub soak: Soak,
    /// What the next stage asks; none after the last.
    pub next: Option<NextStage>,
    /// The checklist, done or not.
    pub checklist: Vec<CheckedItem>,
    /// The old system's flags.
    pub flags: ObservedFlags,
    /// The guardrail that tripped last.
    pub last_trip: Option<GuardrailTrip>,
    /// All steps, the first one first.
    pub history: Vec<RolloutStep>,
}

/// How long a stage has lasted, and how long it has to, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Soak {
    /// Since its beginning; none where that was never recorded.
    pub lasted_seconds: Option<u64>,
    /// Before the next stage may be entered; none where nothing is asked.
    pub asked_seconds: Option<u64>,
}

/// A stage and the gates before it.
#[derive(Debug, Clone, Serialize)]
pub struct NextStage {
    /// Which.
    pub stage: Stage,
    /// Its gates as they were measured, in the order of lists.
    pub gates: Vec<GateResult>,
    /// Gates that could not be measured. They are as good as shut.
    pub unmeasured: Vec<Gate>,
}

/// An item of the checklist.
#[derive(Debug, Clone, Serialize)]
pub struct CheckedItem {
    /// Which.
    pub item: ChecklistItem,
    /// When it was done last and by whom; none where it is not done.
    pub done: Option<Attribution>,
    /// What shows it.
    pub evidence: Option<Box<str>>,
}

impl NextStage {
    /// The gates that do not let through.
    pub fn unmet(&self) -> impl Iterator<Item = Gate> + use<'_> {
        Gate::unmet(self.stage, &self.gates)
    }
}

impl Migration {
    /// Where the migration stands, with the gates of the next stage as they are now.
    ///
    /// # Errors
    /// When the log or the views cannot be read.
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
            checklist: ChecklistItem::ALL.into_iter().map(|item| CheckedItem::of(item, &history)).collect(),
            flags: routing.flags.into(),
            last_trip: history.last_trip,
            history: history.steps,
        })
    }

    /// A stage and its gates as they are now.
    ///
    /// # Errors
    /// When the log or the views cannot be read.
    pub async fn next_stage(&self, stage: Stage, now: DateTime<Utc>) -> Result<NextStage, ViewError> {
        let gates = self.measure(stage, now).await?.gates;
        Ok(NextStage::of(stage, gates))
    }

    fn soak(&self, stage: Stage, since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Soak {
        let lasted = since.map(|since| (now - since).to_std().unwrap_or_default().as_secs());
        Soak { lasted_seconds: lasted, asked_seconds: self.soak_seconds(stage) }
    }
}

impl NextStage {
    /// A stage with its gates as they were measured.
    pub fn of(stage: Stage, gates: Vec<GateResult>) -> Self {
        let is_measured = |gate: &Gate| gates.iter().any(|result| result.gate == *gate);
        let unmeasured = Gate::before(stage).filter(|gate| !is_measured(gate)).collect();
        Self { stage, gates, unmeasured }
    }
}

impl CheckedItem {
    fn of(item: ChecklistItem, history: &RolloutHistory) -> Self {
        let record = history.checklist.get(&item);
        let done = |ItemRecord { recording, .. }: &ItemRecord| Attribution {
            at: recording.at,
            by: recording.actor.as_str().into(),
            reason: None,
        };
        Self { item, done: record.map(done), evidence: record.map(|record| record.evidence.clone()) }
    }
}
