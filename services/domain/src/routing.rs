//! Routing: the choice of the view that answers a subject's reads.
//!
//! Stream `routing-main`. Each subject belongs to one of 10,000 buckets for as long as the rollout keeps its salt, so a
//! higher percentage only adds subjects to the dynamic view and a lower one only removes some. Priority: retired, rolled
//! back, forced, percentage. Nothing here measures traffic or gates; measurements are inputs. Order of this file: events,
//! state, commands, decide.

mod choice;
mod gate;
mod guardrail;
mod history;
mod observation;
mod retirement;
mod stage;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::value::{self, Range, Text};
use crate::vocabulary::ReadModel;

pub use choice::{BUCKETS, InvalidRolloutPercentage, RolloutPercentage, RoutedSubject, RoutingReason};
pub use gate::{Finding, Gate, GateResult};
pub use guardrail::{
    Breach, Durations, GuardrailVerdict, InvalidLimits, Limits, ModelReadStats, ReadStats, TooFewRequests,
    WORSE_FACTOR, evaluate,
};
pub use history::{
    Attribution, GuardrailTrip, ItemRecord, ObservedFlags, Recording, RolloutHistory, RolloutStep, StepCause,
};
pub use observation::{
    ChecklistItem, ChecklistItemDone, FlagsObserved, Guardrail, GuardrailTripped, UnknownItem,
};
pub use retirement::{Declared, LogPlace, ViewRestored, ViewRetired};
pub use stage::{AdvanceStage, Direction, Override, RollBackStage, Stage, StageEntered};

/// An event of the routing.
#[derive(Debug, Clone, PartialEq)]
pub enum RoutingEvent {
    /// A rollout was opened with a salt.
    RolloutOpened(RolloutOpened),
    /// The rollout percentage was set. This also ends a rollback.
    DynamicShareSet(DynamicShareSet),
    /// All reads were sent back to the legacy view.
    ReadsRolledBack(ReadsRolledBack),
    /// A subject was assigned to a view.
    SubjectForced(SubjectForced),
    /// A forced subject was released to the percentage.
    SubjectReleased(SubjectReleased),
    /// A view was retired, so the other one answers all reads.
    ViewRetired(ViewRetired),
    /// A retired view was restored.
    ViewRestored(ViewRestored),
    /// A stage of the migration was entered.
    StageEntered(StageEntered),
    /// A checklist item was completed.
    ChecklistItemDone(ChecklistItemDone),
    /// The old feature flags in the environment changed.
    FlagsObserved(FlagsObserved),
    /// A guardrail limit was exceeded.
    GuardrailTripped(GuardrailTripped),
}

impl RoutingEvent {
    /// The recorded reason, if there is one.
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

/// A rollout was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutOpened {
    /// Random text that assigns subjects to buckets.
    pub salt: Box<str>,
}

/// The rollout percentage was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamicShareSet {
    /// Stored in hundredths of a percent.
    pub share: RolloutPercentage,
    pub reason: Box<str>,
}

/// All reads were sent back to the legacy view, including forced subjects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadsRolledBack {
    pub reason: Box<str>,
}

/// A subject was assigned to a view, whatever the percentage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectForced {
    pub subject: RoutedSubject,
    pub model: ReadModel,
    pub reason: Box<str>,
}

/// A forced subject was released to the percentage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectReleased {
    pub subject: RoutedSubject,
    pub reason: Box<str>,
}

/// The current routing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    /// The rollout's salt; `None` before the first start.
    pub salt: Option<Box<str>>,
    /// The percentage of subjects that the dynamic view answers.
    pub share: RolloutPercentage,
    /// Whether the legacy view answers all reads until a percentage is set again.
    pub rolled_back: bool,
    /// Subjects with a fixed view.
    pub forced: BTreeMap<RoutedSubject, ReadModel>,
    /// The retired view with its last state.
    pub retired: Option<ViewRetired>,
    /// The current stage of the migration.
    pub stage: Stage,
    /// The completed checklist items with their latest evidence.
    pub checklist: BTreeMap<ChecklistItem, Box<str>>,
    /// The feature flags as last observed.
    pub flags: FlagsObserved,
}

impl Routing {
    /// Applies one event.
    pub fn evolve(&mut self, event: &RoutingEvent) {
        match event {
            RoutingEvent::RolloutOpened(e) => self.salt = Some(e.salt.clone()),
            RoutingEvent::DynamicShareSet(e) => {
                self.stage = Stage::from_share(e.share, self.stage);
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
                // A rollback to the first stage includes forced subjects.
                self.rolled_back = e.way == Direction::RolledBack && e.stage == Stage::Legacy;
            }
            RoutingEvent::ChecklistItemDone(e) => {
                self.checklist.insert(e.item, e.evidence.clone());
            }
            RoutingEvent::FlagsObserved(e) => self.flags = *e,
            RoutingEvent::GuardrailTripped(_) => {}
        }
    }

    /// Decides a command: its events (none if its effect exists already), or a rejection.
    pub fn decide(&self, command: RoutingCommand) -> Result<Vec<RoutingEvent>, RoutingRejection> {
        let event = match command {
            RoutingCommand::OpenRollout(opened) => {
                self.salt.is_none().then_some(RoutingEvent::RolloutOpened(opened))
            }
            RoutingCommand::SetDynamicShare(requested) => {
                require_reason(&requested.reason)?;
                if requested.share != RolloutPercentage::ALL {
                    self.check_in_use(ReadModel::Legacy)?;
                }
                let same = self.share == requested.share && !self.rolled_back;
                (!same).then_some(RoutingEvent::DynamicShareSet(requested))
            }
            RoutingCommand::RollBackReads(requested) => {
                require_reason(&requested.reason)?;
                self.check_in_use(ReadModel::Legacy)?;
                (!self.rolled_back).then_some(RoutingEvent::ReadsRolledBack(requested))
            }
            RoutingCommand::ForceSubject(requested) => {
                require_reason(&requested.reason)?;
                self.check_in_use(requested.model)?;
                let same = self.forced.get(&requested.subject) == Some(&requested.model);
                if !same && self.forced.len() >= MAX_FORCED && !self.forced.contains_key(&requested.subject) {
                    return Err(RoutingRejection::ForcedListFull);
                }
                (!same).then_some(RoutingEvent::SubjectForced(requested))
            }
            RoutingCommand::ReleaseSubject(requested) => {
                require_reason(&requested.reason)?;
                self.forced
                    .contains_key(&requested.subject)
                    .then_some(RoutingEvent::SubjectReleased(requested))
            }
            RoutingCommand::RetireView(requested) => self.decide_retirement(requested)?,
            RoutingCommand::RestoreView(requested) => self.decide_restoration(requested)?,
            RoutingCommand::AdvanceStage(requested) => self.decide_advance(requested)?,
            RoutingCommand::RollBackStage(requested) => self.decide_stage_rollback(requested)?,
            RoutingCommand::CompleteChecklistItem(done) => return self.decide_item(done),
            RoutingCommand::ObserveFlags(flags) => return Ok(self.decide_flags(flags)),
            RoutingCommand::TripGuardrail(tripped) => return Ok(self.decide_trip(tripped)),
        };
        Ok(event.into_iter().collect())
    }
}

/// Maximum number of forced subjects. The list is for testers, not a second rollout.
pub const MAX_FORCED: usize = 1000;

/// A command on the routing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutingCommand {
    /// Open the rollout with a salt. An open rollout keeps its salt.
    OpenRollout(RolloutOpened),
    /// Set the rollout percentage and end a rollback.
    SetDynamicShare(DynamicShareSet),
    /// Send all reads to the legacy view.
    RollBackReads(ReadsRolledBack),
    /// Assign a subject to a view.
    ForceSubject(SubjectForced),
    /// Release a forced subject to the percentage.
    ReleaseSubject(SubjectReleased),
    /// Retire a view that answers no reads.
    RetireView(ViewRetired),
    RestoreView(ViewRestored),
    /// Enter the next stage of the migration.
    AdvanceStage(AdvanceStage),
    /// Return to an earlier stage.
    RollBackStage(RollBackStage),
    /// Record a completed checklist item.
    CompleteChecklistItem(ChecklistItemDone),
    /// Apply the feature flags of the environment if they changed.
    ObserveFlags(FlagsObserved),
    /// Roll back because a guardrail limit was exceeded.
    TripGuardrail(GuardrailTripped),
}

/// The business fact that prevented a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoutingRejection {
    #[error("a change of routing needs a reason")]
    ReasonMissing,
    /// A text is outside its range.
    #[error("{field}: {range}")]
    OutOfRange {
        /// The JSON name of the field.
        field: &'static str,
        range: Range,
    },
    #[error("the forced list is full ({MAX_FORCED} subjects); release a subject first")]
    ForcedListFull,
    /// The change would send reads to the legacy view, which is retired.
    #[error("the legacy view is retired; restore it first with `daybook projection restore legacy`")]
    LegacyRetired,
    /// Only the legacy view can be retired.
    #[error("only the legacy view can be retired; the dynamic view has to answer the reads")]
    OnlyLegacyRetires,
    /// Reads are rolled back, so the legacy view answers all of them.
    #[error(
        "reads are rolled back to the legacy view; first send all reads to the dynamic view with \
         `daybook reads set --dynamic 100 --reason TEXT`"
    )]
    ReadsAreRolledBack,
    /// The legacy view still answers some subjects.
    #[error(
        "the dynamic view answers only {} % of subjects; first send all reads to it with \
         `daybook reads set --dynamic 100 --reason TEXT`",
        .0.as_percent()
    )]
    ShareIsNotAll(RolloutPercentage),
    /// Some subjects are forced to the legacy view.
    #[error(
        "{0} subjects are forced to the legacy view; release them first (`daybook reads show` shows their number)"
    )]
    SubjectsOnLegacy(usize),
    /// The requested stage does not follow the current one.
    #[error(
        "the migration is at stage {at}, so {wanted} cannot be entered now; `daybook migrate status` shows the stages"
    )]
    StageOutOfOrder { at: Stage, wanted: Stage },
    /// A gate is not met.
    #[error(
        "the gate `{gate}` of stage {stage} is not met; `daybook migrate plan` shows its result. To enter the stage \
         anyway, use `--override REASON`, which is recorded"
    )]
    GateNotMet {
        stage: Stage,
        /// The first unmet gate.
        gate: Gate,
    },
}

/// Checks the reason of a change of routing.
///
/// # Errors
/// [`RoutingRejection::ReasonMissing`] if it is blank, and [`RoutingRejection::OutOfRange`] if it cannot be recorded.
pub fn require_reason(reason: &str) -> Result<(), RoutingRejection> {
    require_text("reason", reason, value::ROUTING_REASON)
}

fn require_text(field: &'static str, text: &str, allowed: Text) -> Result<(), RoutingRejection> {
    if text.trim().is_empty() {
        return Err(RoutingRejection::ReasonMissing);
    }
    allowed.check(text).map_err(|range| RoutingRejection::OutOfRange { field, range })
}

fn check_optional(field: &'static str, text: Option<&str>) -> Result<(), RoutingRejection> {
    text.map_or(Ok(()), |text| require_text(field, text, value::ROUTING_REASON))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routing(percent: f64) -> Routing {
        Routing { share: RolloutPercentage::from_percent(percent).unwrap(), ..Routing::default() }
    }

    #[test]
    fn setting_a_percentage_ends_a_rollback_and_setting_it_again_does_nothing() {
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
    fn a_reason_is_a_visible_line_of_limited_length() {
        let range = value::ROUTING_REASON.range();
        let refused = Err(RoutingRejection::OutOfRange { field: "reason", range });
        for wrong in ["\u{200b}", "a\u{202e}b", "a\u{1b}[2J", "a\0b", "a\nb", &"x".repeat(501)] {
            let back = RoutingCommand::RollBackReads(ReadsRolledBack { reason: wrong.into() });
            assert_eq!(routing(0.0).decide(back), refused, "{wrong:?}");
        }
    }

    #[test]
    fn a_change_needs_a_reason_and_a_percentage_is_in_range() {
        let set = RoutingCommand::SetDynamicShare(DynamicShareSet {
            share: RolloutPercentage::ALL,
            reason: " ".into(),
        });
        assert_eq!(routing(0.0).decide(set), Err(RoutingRejection::ReasonMissing));
        assert_eq!(RolloutPercentage::from_percent(12.34).map(u16::from), Ok(1234));
        for wrong in [-1.0, 100.01, 0.001, 1e-9, -1e-9, 12.340_000_1, 99.999_999_9, f64::NAN, f64::INFINITY] {
            assert_eq!(RolloutPercentage::from_percent(wrong), Err(InvalidRolloutPercentage), "{wrong}");
        }
        for hundredths in 0..=BUCKETS {
            let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            assert_eq!(text.parse::<RolloutPercentage>().map(u16::from), Ok(hundredths), "{text}");
        }
    }
}
