//! Routing: which of the two read models answers whom.
//!
//! Stream `routing-main`. A subject falls into one of 10 000 buckets and stays there for as long as the rollout keeps
//! its salt, so raising the dynamic share only adds subjects to the dynamic model and lowering it only removes them.
//! Precedence: retired, then rolled back, then forced, then the share. Order of this file: events, state, commands, decide.

mod choice;
mod gate;
mod guardrail;
mod history;
mod retirement;
mod stage;
mod watch;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::vocabulary::ReadModel;

pub use choice::{BUCKETS, InvalidRolloutPercentage, RolloutPercentage, RoutedSubject, RoutingReason};
pub use gate::{Finding, Gate, GateResult};
pub use guardrail::{
    Breach, Durations, GuardrailVerdict, Inconclusive, InvalidLimits, Limits, ModelReadStats, ReadStats,
    WORSE_FACTOR, judge,
};
pub use history::{
    Attribution, GuardrailTrip, ItemRecord, ObservedFlags, Recording, RolloutHistory, RolloutStep, StepCause,
};
pub use retirement::{Declared, LogPlace, ViewRestored, ViewRetired};
pub use stage::{AdvanceStage, Direction, Override, RollBackStage, Stage, StageEntered};
pub use watch::{ChecklistItem, ChecklistItemDone, FlagsObserved, Guardrail, GuardrailTripped, UnknownItem};

/// Everything that can happen to the routing.
#[derive(Debug, Clone, PartialEq)]
pub enum RoutingEvent {
    /// A rollout began with its salt.
    RolloutOpened(RolloutOpened),
    /// The dynamic share was set; it also ends a rollback.
    DynamicShareSet(DynamicShareSet),
    /// All reads went back to the legacy view.
    ReadsRolledBack(ReadsRolledBack),
    /// One subject was put on a model.
    SubjectForced(SubjectForced),
    /// One subject was left to the share again.
    SubjectReleased(SubjectReleased),
    /// A view was retired: the other one answers everybody.
    ViewRetired(ViewRetired),
    /// A view that was retired is there again.
    ViewRestored(ViewRestored),
    /// A stage of the migration was entered.
    StageEntered(StageEntered),
    /// An item of the migration's checklist was done.
    ChecklistItemDone(ChecklistItemDone),
    /// The flags of the environment changed.
    FlagsObserved(FlagsObserved),
    /// A guardrail's limit was passed.
    GuardrailTripped(GuardrailTripped),
}

impl RoutingEvent {
    /// Why it was recorded, where it says so.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::DynamicShareSet(e) => Some(&e.reason),
            Self::ReadsRolledBack(e) => Some(&e.reason),
            Self::SubjectForced(e) => Some(&e.reason),
            Self::SubjectReleased(e) => Some(&e.reason),
            Self::ViewRetired(e) => Some(&e.reason),
            Self::ViewRestored(e) => e.reason.as_deref(),
            Self::StageEntered(e) => e.reason.as_deref(),
            Self::RolloutOpened(_)
            | Self::ChecklistItemDone(_)
            | Self::FlagsObserved(_)
            | Self::GuardrailTripped(_) => None,
        }
    }
}

/// A rollout began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutOpened {
    /// Random text that decides who falls into which bucket.
    pub salt: Box<str>,
}

/// The dynamic share was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamicShareSet {
    /// In hundredths of a percent.
    pub share: RolloutPercentage,
    /// Why.
    pub reason: Box<str>,
}

/// All reads went back to the legacy view, forced subjects too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadsRolledBack {
    /// Why.
    pub reason: Box<str>,
}

/// One subject was put on a model whatever the share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectForced {
    /// Who.
    pub subject: RoutedSubject,
    /// On which model.
    pub model: ReadModel,
    /// Why.
    pub reason: Box<str>,
}

/// One subject was left to the share again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectReleased {
    /// Who.
    pub subject: RoutedSubject,
    /// Why.
    pub reason: Box<str>,
}

/// The routing as its events left it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    /// The rollout's salt; none before the first start.
    pub salt: Option<Box<str>>,
    /// The part that the dynamic view answers.
    pub share: RolloutPercentage,
    /// Whether everybody is on the legacy view until a share is set anew.
    pub rolled_back: bool,
    /// Subjects on a model whatever the share.
    pub forced: BTreeMap<RoutedSubject, ReadModel>,
    /// The view that is retired, and what it was then.
    pub retired: Option<ViewRetired>,
    /// The stage of the migration.
    pub stage: Stage,
    /// The checklist's items that were done, with what showed it last.
    pub checklist: BTreeMap<ChecklistItem, Box<str>>,
    /// The flags of the environment as they were last observed.
    pub flags: FlagsObserved,
}

impl Routing {
    /// Takes in one event.
    pub fn evolve(&mut self, event: &RoutingEvent) {
        match event {
            RoutingEvent::RolloutOpened(e) => self.salt = Some(e.salt.clone()),
            RoutingEvent::DynamicShareSet(e) => {
                self.stage = Stage::of_share(e.share, self.stage);
                self.share = e.share;
                self.rolled_back = false;
            }
            RoutingEvent::ReadsRolledBack(_) => {
                self.stage = Stage::Legacy;
                self.rolled_back = true;
            }
            RoutingEvent::SubjectForced(e) => {
                self.forced.insert(e.subject.clone(), e.model);
            }
            RoutingEvent::SubjectReleased(e) => {
                self.forced.remove(&e.subject);
            }
            RoutingEvent::ViewRetired(e) => {
                self.stage = Stage::Retired;
                self.retired = Some(e.clone());
            }
            RoutingEvent::ViewRestored(_) => {
                self.stage = Stage::Dynamic;
                self.retired = None;
            }
            RoutingEvent::StageEntered(e) => {
                self.stage = e.stage;
                self.share = e.stage.share();
                // The way back to the first stage is for everybody, those on the forced list too.
                self.rolled_back = e.way == Direction::RolledBack && e.stage == Stage::Legacy;
            }
            RoutingEvent::ChecklistItemDone(e) => {
                self.checklist.insert(e.item, e.evidence.clone());
            }
            RoutingEvent::FlagsObserved(e) => self.flags = *e,
            RoutingEvent::GuardrailTripped(_) => {}
        }
    }

    /// Decides a command: the event it causes, none where its effect is already there, or the fact that stops it.
    pub fn decide(&self, command: RoutingCommand) -> Result<Vec<RoutingEvent>, RoutingRejection> {
        let event = match command {
            RoutingCommand::OpenRollout(opened) => {
                self.salt.is_none().then_some(RoutingEvent::RolloutOpened(opened))
            }
            RoutingCommand::SetDynamicShare(wanted) => {
                require_reason(&wanted.reason)?;
                if wanted.share != RolloutPercentage::ALL {
                    self.check_in_use(ReadModel::Legacy)?;
                }
                let same = self.share == wanted.share && !self.rolled_back;
                (!same).then_some(RoutingEvent::DynamicShareSet(wanted))
            }
            RoutingCommand::RollBackReads(wanted) => {
                require_reason(&wanted.reason)?;
                self.check_in_use(ReadModel::Legacy)?;
                (!self.rolled_back).then_some(RoutingEvent::ReadsRolledBack(wanted))
            }
            RoutingCommand::ForceSubject(wanted) => {
                require_reason(&wanted.reason)?;
                self.check_in_use(wanted.model)?;
                let same = self.forced.get(&wanted.subject) == Some(&wanted.model);
                if !same && self.forced.len() >= MAX_FORCED && !self.forced.contains_key(&wanted.subject) {
                    return Err(RoutingRejection::ForcedListFull);
                }
                (!same).then_some(RoutingEvent::SubjectForced(wanted))
            }
            RoutingCommand::ReleaseSubject(wanted) => {
                require_reason(&wanted.reason)?;
                self.forced.contains_key(&wanted.subject).then_some(RoutingEvent::SubjectReleased(wanted))
            }
            RoutingCommand::RetireView(wanted) => self.decide_retirement(wanted)?,
            RoutingCommand::RestoreView(wanted) => self.decide_restoration(wanted),
            RoutingCommand::AdvanceStage(wanted) => self.decide_advance(wanted)?,
            RoutingCommand::RollBackStage(wanted) => self.decide_stage_rollback(wanted)?,
            RoutingCommand::DoChecklistItem(done) => return self.decide_item(done),
            RoutingCommand::ObserveFlags(seen) => return Ok(self.decide_flags(seen)),
            RoutingCommand::TripGuardrail(tripped) => return Ok(self.decide_trip(tripped)),
        };
        Ok(event.into_iter().collect())
    }
}

/// Subjects on the forced list, at most: it is a tool for testers, not a second rollout.
pub const MAX_FORCED: usize = 1000;

/// What may be asked of the routing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutingCommand {
    /// Begin the rollout with a salt; an open one keeps its own.
    OpenRollout(RolloutOpened),
    /// Set the dynamic share, ending a rollback.
    SetDynamicShare(DynamicShareSet),
    /// Send everybody to the legacy view.
    RollBackReads(ReadsRolledBack),
    /// Put one subject on a model.
    ForceSubject(SubjectForced),
    /// Leave one subject to the share.
    ReleaseSubject(SubjectReleased),
    /// Retire a view that nobody is led to.
    RetireView(ViewRetired),
    /// Count on a view again that was retired.
    RestoreView(ViewRestored),
    /// Enter the next stage of the migration.
    AdvanceStage(AdvanceStage),
    /// Enter an earlier one.
    RollBackStage(RollBackStage),
    /// Note that an item of the checklist was done.
    DoChecklistItem(ChecklistItemDone),
    /// Follow the flags of the environment where they changed.
    ObserveFlags(FlagsObserved),
    /// Roll back because a guardrail's limit was passed.
    TripGuardrail(GuardrailTripped),
}

/// The fact that stopped a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoutingRejection {
    /// No reason was given.
    #[error("a change of routing needs a reason")]
    ReasonMissing,
    /// The forced list holds as many subjects as it may.
    #[error("the forced list holds {MAX_FORCED} subjects; release one first")]
    ForcedListFull,
    /// What was asked for would lead somebody to the legacy view, which is retired.
    #[error("the legacy view is retired: bring it back with `daybook projection restore legacy` first")]
    LegacyRetired,
    /// Only the legacy view can be retired.
    #[error("only the legacy view can be retired: the dynamic view is what answers then")]
    OnlyLegacyRetires,
    /// The legacy view answers everybody at the moment.
    #[error(
        "reads are rolled back to the legacy view: let the dynamic view answer everybody first, with \
         `daybook reads set --dynamic 100 --reason TEXT`"
    )]
    ReadsAreRolledBack,
    /// The legacy view answers some.
    #[error(
        "the dynamic view answers {} % of subjects: let it answer everybody first, with \
         `daybook reads set --dynamic 100 --reason TEXT`",
        .0.as_percent()
    )]
    ShareIsNotAll(RolloutPercentage),
    /// Some subjects are on the legacy view whatever the share.
    #[error(
        "the forced list holds {0} on the legacy view: release them first; `daybook reads show` counts the list"
    )]
    SubjectsOnLegacy(usize),
    /// Another stage comes first.
    #[error(
        "the migration is at stage {at}, and {wanted} does not follow it: `daybook migrate status` shows the stages"
    )]
    StageOutOfOrder {
        /// The stage as it is.
        at: Stage,
        /// The stage that was asked for.
        wanted: Stage,
    },
    /// A gate does not let through.
    #[error(
        "the gate `{gate}` before stage {stage} is shut: `daybook migrate plan` shows what it found and what it asks; \
         `--override REASON` goes on all the same, and is recorded"
    )]
    GateShut {
        /// The stage that was asked for.
        stage: Stage,
        /// The first gate that is shut.
        gate: Gate,
    },
}

fn require_reason(reason: &str) -> Result<(), RoutingRejection> {
    if reason.trim().is_empty() { Err(RoutingRejection::ReasonMissing) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routing(percent: f64) -> Routing {
        Routing { share: RolloutPercentage::percent(percent).unwrap(), ..Routing::default() }
    }

    #[test]
    fn setting_a_share_ends_a_rollback_and_setting_it_again_does_nothing() {
        let mut routing = routing(100.0);
        let set = RoutingCommand::SetDynamicShare(DynamicShareSet {
            share: RolloutPercentage::ALL,
            reason: "go".into(),
        });
        assert_eq!(routing.decide(set.clone()), Ok(vec![]));
        routing.rolled_back = true;
        let events = routing.decide(set.clone()).unwrap();
        events.iter().for_each(|event| routing.evolve(event));
        assert_eq!(routing.choose(None), (ReadModel::Dynamic, RoutingReason::NoSubject));
        assert_eq!(routing.decide(set), Ok(vec![]));
    }

    #[test]
    fn a_change_needs_a_reason_and_a_share_is_a_percentage() {
        let set = RoutingCommand::SetDynamicShare(DynamicShareSet {
            share: RolloutPercentage::ALL,
            reason: " ".into(),
        });
        assert_eq!(routing(0.0).decide(set), Err(RoutingRejection::ReasonMissing));
        assert_eq!(RolloutPercentage::percent(12.34).map(u16::from), Ok(1234));
        for wrong in [-1.0, 100.01, 0.001, f64::NAN] {
            assert_eq!(RolloutPercentage::percent(wrong), Err(InvalidRolloutPercentage), "{wrong}");
        }
    }
}
