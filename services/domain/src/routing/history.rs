//! The history of the rollout: one pure fold of the events of `routing-main` together with when and by whom each was
//! recorded.
//!
//! Everybody who needs more than the current routing reads it here. Nothing here decides whether a stage may be entered.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{
    ChecklistItem, Direction, FlagsObserved, Gate, GuardrailTripped, LogPlace, Override, RolloutPercentage,
    Routing, RoutingEvent, Stage, ViewRetired,
};
use crate::Actor;

/// When, by whom and where in the log an event was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// By the recording process's clock.
    pub at: DateTime<Utc>,
    /// Who gave the command.
    pub actor: Actor,
    /// The event's place in the log.
    pub place: LogPlace,
}

/// When something was changed, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribution {
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub by: Box<str>,
    /// Why, if a reason was given.
    pub reason: Option<Box<str>>,
}

/// What caused a step of the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepCause {
    /// The next stage was entered, through its gates or by an override.
    Advanced,
    /// An earlier stage was entered again.
    WentBack,
    /// A percentage was set by hand or by a flag, past all gates.
    ShareSet,
    /// All reads were rolled back, by hand, by a flag or by a guardrail.
    RolledBack,
    /// The legacy view was retired.
    Retired,
    /// The legacy view was restored.
    Restored,
}

/// A change of the stage or of the percentage of subjects that the dynamic view answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RolloutStep {
    #[serde(skip)]
    pub from: Stage,
    pub stage: Stage,
    /// Percentage of subjects that the dynamic view answers after it.
    pub dynamic_percent: f64,
    /// What caused it.
    #[serde(rename = "how")]
    pub cause: StepCause,
    /// When, by whom and why.
    #[serde(flatten)]
    pub change: Attribution,
    /// Gates that were not met and were overridden.
    pub shut: Vec<Gate>,
    /// Who overrode them, and why.
    pub overridden: Option<Override>,
}

/// The flags of the old system as the last start of a service saw them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ObservedFlags {
    /// `USE_DYNAMIC_SERVICES`; none if it was unset.
    pub use_dynamic_services: Option<bool>,
    /// `DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE`; none if it was unset.
    pub rollout_percentage: Option<f64>,
}

impl From<FlagsObserved> for ObservedFlags {
    fn from(flags: FlagsObserved) -> Self {
        let FlagsObserved { use_dynamic_services, rollout } = flags;
        Self { use_dynamic_services, rollout_percentage: rollout.map(RolloutPercentage::as_percent) }
    }
}

/// A guardrail trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardrailTrip {
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// The limit and what exceeded it.
    #[serde(flatten)]
    pub tripped: GuardrailTripped,
}

/// A checklist item that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRecord {
    /// What shows that it was done.
    pub evidence: Box<str>,
    /// When, by whom and where it was recorded.
    pub recording: Recording,
}

/// The rollout as its events tell it.
#[derive(Debug, Clone, Default)]
pub struct RolloutHistory {
    /// The routing after the last event.
    pub routing: Arc<Routing>,
    /// Place of the last event.
    pub place: LogPlace,
    /// All steps, the oldest first.
    pub steps: Vec<RolloutStep>,
    /// The last time that an earlier stage was entered again, reads were rolled back, or a guardrail tripped.
    pub last_setback: Option<DateTime<Utc>>,
    pub last_trip: Option<GuardrailTrip>,
    /// The checklist items that were done, with the last record of each.
    pub checklist: BTreeMap<ChecklistItem, ItemRecord>,
    /// The last backup since the dynamic view answers everybody, which is the one to go back to after the cleanup; none
    /// while it does not answer everybody.
    pub final_backup: Option<ItemRecord>,
    /// The retirement that is in force.
    pub retirement: Option<(ViewRetired, Recording)>,
}

impl RolloutStep {
    /// Whether a stage was entered; otherwise only the percentage changed.
    pub fn is_entry(&self) -> bool {
        self.stage != self.from || matches!(self.cause, StepCause::Advanced | StepCause::WentBack)
    }

    /// Whether it led forward or back.
    pub fn direction(&self) -> Direction {
        match self.cause {
            StepCause::Advanced => Direction::Advanced,
            StepCause::WentBack => Direction::RolledBack,
            StepCause::ShareSet | StepCause::RolledBack | StepCause::Retired | StepCause::Restored => {
                if self.stage > self.from { Direction::Advanced } else { Direction::RolledBack }
            }
        }
    }

    fn new(before: &Routing, after: &Routing, event: &RoutingEvent, recording: &Recording) -> Option<Self> {
        let cause = StepCause::from_event(event)?;
        let is_change = before.stage != after.stage
            || before.share != after.share
            || before.rolled_back != after.rolled_back;
        let (shut, overridden) = overridden_gates(event);
        is_change.then(|| Self {
            from: before.stage,
            stage: after.stage,
            dynamic_percent: after.share.as_percent(),
            cause,
            change: Attribution {
                at: recording.at,
                by: recording.actor.as_str().into(),
                reason: event.reason().map(Box::from),
            },
            shut,
            overridden,
        })
    }
}

impl StepCause {
    const fn from_event(event: &RoutingEvent) -> Option<Self> {
        match event {
            RoutingEvent::StageEntered(entered) => Some(match entered.way {
                Direction::Advanced => Self::Advanced,
                Direction::RolledBack => Self::WentBack,
            }),
            RoutingEvent::DynamicShareSet(_) => Some(Self::ShareSet),
            RoutingEvent::ReadsRolledBack(_) => Some(Self::RolledBack),
            RoutingEvent::ViewRetired(_) => Some(Self::Retired),
            RoutingEvent::ViewRestored(_) => Some(Self::Restored),
            RoutingEvent::RolloutOpened(_)
            | RoutingEvent::SubjectForced(_)
            | RoutingEvent::SubjectReleased(_)
            | RoutingEvent::ChecklistItemDone(_)
            | RoutingEvent::FlagsObserved(_)
            | RoutingEvent::GuardrailTripped(_) => None,
        }
    }
}

fn overridden_gates(event: &RoutingEvent) -> (Vec<Gate>, Option<Override>) {
    let RoutingEvent::StageEntered(entered) = event else { return (vec![], None) };
    let Some(overridden) = &entered.overridden else { return (vec![], None) };
    (Gate::unmet(entered.stage, &entered.gates).collect(), Some(overridden.clone()))
}

impl RolloutHistory {
    /// Applies the next event.
    pub fn apply(&mut self, event: &RoutingEvent, recording: Recording) {
        let before = Arc::clone(&self.routing);
        Arc::make_mut(&mut self.routing).evolve(event);
        self.place = recording.place;
        if let Some(step) = RolloutStep::new(&before, &self.routing, event, &recording) {
            if step.is_entry() && step.direction() == Direction::RolledBack {
                self.last_setback = Some(recording.at);
            }
            self.steps.push(step);
        }
        if self.routing.share != RolloutPercentage::ALL || self.routing.rolled_back {
            self.final_backup = None;
        }
        self.note(event, recording);
    }

    fn note(&mut self, event: &RoutingEvent, recording: Recording) {
        match event {
            RoutingEvent::ReadsRolledBack(_) => self.last_setback = Some(recording.at),
            RoutingEvent::GuardrailTripped(tripped) => {
                self.last_setback = Some(recording.at);
                self.last_trip = Some(GuardrailTrip { at: recording.at, tripped: tripped.clone() });
            }
            RoutingEvent::ChecklistItemDone(done) => {
                let record = ItemRecord { evidence: done.evidence.clone(), recording };
                let is_for_all = self.routing.share == RolloutPercentage::ALL && !self.routing.rolled_back;
                if done.item == ChecklistItem::BackupMade && is_for_all {
                    self.final_backup = Some(record.clone());
                }
                self.checklist.insert(done.item, record);
            }
            RoutingEvent::ViewRetired(retired) => self.retirement = Some((retired.clone(), recording)),
            RoutingEvent::ViewRestored(_) => self.retirement = None,
            RoutingEvent::RolloutOpened(_)
            | RoutingEvent::DynamicShareSet(_)
            | RoutingEvent::SubjectForced(_)
            | RoutingEvent::SubjectReleased(_)
            | RoutingEvent::StageEntered(_)
            | RoutingEvent::FlagsObserved(_) => {}
        }
    }

    /// The current stage.
    pub fn stage(&self) -> Stage {
        self.routing.stage
    }

    /// The steps that entered a stage, the newest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &RolloutStep> {
        self.steps.iter().rev().filter(|step| step.is_entry())
    }

    /// When the current stage was entered; none if no stage was ever entered.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.entries().next().map(|entry| entry.change.at)
    }

    /// When the stage before the current one was entered.
    pub fn former_since(&self) -> Option<DateTime<Utc>> {
        self.entries().nth(1).map(|entry| entry.change.at)
    }

    /// When the first canary was entered since the last time that the dynamic view answered nobody.
    pub fn switching_since(&self) -> Option<DateTime<Utc>> {
        self.entries().take_while(|entry| entry.stage >= Stage::Canary5).last().map(|entry| entry.change.at)
    }

    /// How long a stage lasted, or has lasted until now, the last time that it was entered since the first canary.
    pub fn last_stay(&self, stage: Stage, now: DateTime<Utc>) -> Option<TimeDelta> {
        let since = self.switching_since()?;
        let mut end = now;
        for entry in self.entries().take_while(|entry| entry.change.at >= since) {
            if entry.stage == stage {
                return Some(end - entry.change.at);
            }
            end = entry.change.at;
        }
        None
    }
}
