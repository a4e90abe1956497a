//! The stages of the migration: legacy, shadow, three canaries, dynamic, retired.
//!
//! A stage is a rollout percentage with a name and gates. Stages are entered one after the other; a rollback can skip some.
//! Each event contains the results of the gates; no stage is entered without a record of them. Order of this file: stages,
//! events, commands, decide.

use serde::{Deserialize, Serialize};

use super::gate::{Gate, GateResult};
use super::retirement::LogPlace;
use super::{RolloutPercentage, Routing, RoutingEvent, RoutingRejection, check_optional, require_reason};
use crate::vocabulary::{ReadModel, vocabulary};

vocabulary! {
    /// A stage of the migration. The spellings are storage format.
    #[derive(Default)]
    Stage {
        /// The legacy view answers all reads.
        #[default]
        Legacy = "legacy",
        /// The legacy view answers, and the dynamic view answers a sample too, for comparison.
        Shadow = "shadow",
        /// The dynamic view answers 5 % of subjects.
        Canary5 = "canary-5",
        /// The dynamic view answers 25 % of subjects.
        Canary25 = "canary-25",
        /// The dynamic view answers 50 % of subjects.
        Canary50 = "canary-50",
        /// The dynamic view answers all reads. The legacy view stays up to date and can take over.
        Dynamic = "dynamic",
        /// The legacy view is dropped. The log still contains all of its data.
        Retired = "retired",
    }
}

impl Stage {
    /// Parses the form of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    /// The percentage of subjects that the dynamic view answers.
    pub const fn share(self) -> RolloutPercentage {
        match self {
            Self::Legacy | Self::Shadow => RolloutPercentage::NONE,
            Self::Canary5 => RolloutPercentage(500),
            Self::Canary25 => RolloutPercentage(2_500),
            Self::Canary50 => RolloutPercentage(5_000),
            Self::Dynamic | Self::Retired => RolloutPercentage::ALL,
        }
    }

    /// The following stage.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage > self)
    }

    /// The stage after a percentage was set by hand: the last one with no higher percentage, or `from` if it has the same
    /// percentage.
    pub(super) fn from_share(share: RolloutPercentage, from: Self) -> Self {
        let fits = |stage: &Self| stage.share() <= share && *stage != Self::Retired;
        let reached = Self::ALL.into_iter().rev().find(fits).unwrap_or_default();
        if from.share() == reached.share() { from } else { reached }
    }
}

/// The direction in which a stage was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the next stage, after its gates were checked.
    Advanced,
    /// To an earlier stage, without gates.
    RolledBack,
}

/// The decision to enter a stage although gates are not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub reason: Box<str>,
    /// A second person who approved it.
    pub approver: Option<Box<str>>,
}

/// A stage was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageEntered {
    pub stage: Stage,
    pub from: Stage,
    pub way: Direction,
    /// The head of the log when the gates were measured; `None` for a rollback.
    pub position: Option<LogPlace>,
    /// The results of the gates; empty for a rollback.
    pub gates: Vec<GateResult>,
    /// The override, if gates were not met.
    pub overridden: Option<Override>,
    /// The reason, if one was given.
    pub reason: Option<Box<str>>,
}

/// The command to enter the next stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvanceStage {
    /// The stage, which has to be the following one.
    pub stage: Stage,
    /// The head of the log when the gates were measured.
    pub position: LogPlace,
    pub gates: Vec<GateResult>,
    /// Allows unmet gates.
    pub overridden: Option<Override>,
    /// The reason, if one is given.
    pub reason: Option<Box<str>>,
}

/// The command to return to an earlier stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollBackStage {
    pub stage: Stage,
    pub reason: Box<str>,
}

impl Routing {
    /// Checks whether a stage can be entered next, apart from its gates.
    pub fn check_next(&self, stage: Stage) -> Result<(), RoutingRejection> {
        if self.stage.next() != Some(stage) {
            return Err(RoutingRejection::StageOutOfOrder { at: self.stage, wanted: stage });
        }
        // No override allows dropping a view that still answers reads.
        if stage == Stage::Retired { self.check_unused(ReadModel::Legacy) } else { Ok(()) }
    }

    pub(super) fn decide_advance(
        &self,
        requested: AdvanceStage,
    ) -> Result<Option<RoutingEvent>, RoutingRejection> {
        if self.stage == requested.stage && self.share == requested.stage.share() && !self.rolled_back {
            return Ok(None);
        }
        self.check_next(requested.stage)?;
        check_optional("reason", requested.reason.as_deref())?;
        if let Some(overridden) = &requested.overridden {
            require_reason(&overridden.reason)?;
            check_optional("approver", overridden.approver.as_deref())?;
        } else if let Some(gate) = Gate::unmet(requested.stage, &requested.gates).next() {
            return Err(RoutingRejection::GateNotMet { stage: requested.stage, gate });
        }
        let AdvanceStage { stage, position, gates, overridden, reason } = requested;
        let (way, position) = (Direction::Advanced, Some(position));
        let entered = StageEntered { stage, from: self.stage, way, position, gates, overridden, reason };
        Ok(Some(RoutingEvent::StageEntered(entered)))
    }

    pub(super) fn decide_stage_rollback(
        &self,
        requested: RollBackStage,
    ) -> Result<Option<RoutingEvent>, RoutingRejection> {
        require_reason(&requested.reason)?;
        self.check_in_use(ReadModel::Legacy)?;
        if requested.stage > self.stage {
            return Err(RoutingRejection::StageOutOfOrder { at: self.stage, wanted: requested.stage });
        }
        let RollBackStage { stage, reason } = requested;
        let is_complete = self.rolled_back || stage != Stage::Legacy;
        let is_there = self.stage == stage && self.share == stage.share() && is_complete;
        let entered = StageEntered {
            stage,
            from: self.stage,
            way: Direction::RolledBack,
            position: None,
            gates: vec![],
            overridden: None,
            reason: Some(reason),
        };
        Ok((!is_there).then_some(RoutingEvent::StageEntered(entered)))
    }
}

impl Routing {
    /// The routing as it would be in another stage, with the current forced list. For previews; nothing is recorded.
    #[must_use]
    pub fn in_stage(&self, stage: Stage) -> Self {
        let mut routing = self.clone();
        let way = if stage < self.stage { Direction::RolledBack } else { Direction::Advanced };
        let (position, gates, overridden, reason) = (None, vec![], None, None);
        let entered = StageEntered { stage, from: self.stage, way, position, gates, overridden, reason };
        routing.evolve(&RoutingEvent::StageEntered(entered));
        routing
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        DynamicShareSet, Finding, ReadsRolledBack, RoutedSubject, RoutingCommand, RoutingReason,
    };
    use super::*;

    fn measured(stage: Stage) -> Vec<GateResult> {
        let met = |gate| GateResult { gate, finding: Finding::Met, found: "so".into(), asked: "so".into() };
        Gate::before(stage).map(met).collect()
    }

    fn advance(stage: Stage) -> AdvanceStage {
        let position = LogPlace { commit: 7, prepare: 7 };
        AdvanceStage { stage, position, gates: measured(stage), overridden: None, reason: None }
    }

    fn at(stage: Stage) -> Routing {
        let mut routing = Routing::default();
        for next in Stage::ALL.into_iter().filter(|next| (Stage::Shadow..=stage).contains(next)) {
            let events = routing.decide(RoutingCommand::AdvanceStage(advance(next))).unwrap();
            assert_eq!(events.len(), 1, "{next}");
            events.iter().for_each(|event| routing.evolve(event));
        }
        routing
    }

    #[test]
    fn stages_are_entered_one_after_the_other_each_with_its_percentage() {
        for stage in Stage::ALL {
            let routing = at(stage);
            assert_eq!((routing.stage, routing.share), (stage, stage.share()));
            assert_eq!(routing.decide(RoutingCommand::AdvanceStage(advance(stage))), Ok(vec![]));
            let after_next = stage.next().and_then(Stage::next);
            if let Some(wanted) = after_next {
                let refused = routing.decide(RoutingCommand::AdvanceStage(advance(wanted)));
                assert_eq!(refused, Err(RoutingRejection::StageOutOfOrder { at: stage, wanted }));
            }
        }
    }

    #[test]
    fn every_gate_has_to_be_measured_and_met_or_overridden_with_a_reason() {
        for gate in Gate::before(Stage::Canary25) {
            for finding in [None, Some(Finding::NotMet), Some(Finding::Inconclusive)] {
                let mut wanted = advance(Stage::Canary25);
                wanted.gates.retain(|result| result.gate != gate || finding.is_some());
                wanted
                    .gates
                    .iter_mut()
                    .filter(|result| result.gate == gate)
                    .for_each(|result| result.finding = finding.unwrap_or(Finding::Met));
                let routing = at(Stage::Canary5);
                let refused = routing.decide(RoutingCommand::AdvanceStage(wanted.clone()));
                assert_eq!(refused, Err(RoutingRejection::GateNotMet { stage: Stage::Canary25, gate }));
                let silent = Override { reason: " ".into(), approver: None };
                wanted.overridden = Some(silent);
                let refused = routing.decide(RoutingCommand::AdvanceStage(wanted.clone()));
                assert_eq!(refused, Err(RoutingRejection::ReasonMissing));
                wanted.overridden = Some(Override { reason: "known".into(), approver: None });
                let events = routing.decide(RoutingCommand::AdvanceStage(wanted.clone())).unwrap();
                let [RoutingEvent::StageEntered(entered)] = &*events else { panic!("{events:?}") };
                assert_eq!((&entered.overridden, &entered.gates), (&wanted.overridden, &wanted.gates));
            }
        }
    }

    #[test]
    fn a_rollback_leads_to_any_earlier_stage_and_to_no_later_one() {
        let back = |stage| RoutingCommand::RollBackStage(RollBackStage { stage, reason: "errors".into() });
        let mut routing = at(Stage::Canary50);
        let later = RoutingRejection::StageOutOfOrder { at: Stage::Canary50, wanted: Stage::Dynamic };
        assert_eq!(routing.decide(back(Stage::Dynamic)), Err(later));
        for stage in [Stage::Canary25, Stage::Canary5, Stage::Shadow, Stage::Legacy] {
            let events = routing.decide(back(stage)).unwrap();
            events.iter().for_each(|event| routing.evolve(event));
            assert_eq!((routing.stage, routing.share), (stage, stage.share()));
            assert_eq!(routing.decide(back(stage)), Ok(vec![]));
        }
    }

    #[test]
    fn a_rollback_to_legacy_includes_forced_subjects_and_only_the_next_stage_ends_it() {
        let tester = RoutedSubject::client("tester");
        let mut routing = at(Stage::Canary5);
        routing.forced.insert(tester.clone(), ReadModel::Dynamic);
        let back = RoutingCommand::RollBackStage(RollBackStage { stage: Stage::Legacy, reason: "x".into() });
        let events = routing.decide(back.clone()).unwrap();
        events.iter().for_each(|event| routing.evolve(event));
        assert_eq!(routing.choose(Some(&tester)), (ReadModel::Legacy, RoutingReason::RolledBack));
        let events = routing.decide(RoutingCommand::AdvanceStage(advance(Stage::Shadow))).unwrap();
        events.iter().for_each(|event| routing.evolve(event));
        assert_eq!(routing.choose(Some(&tester)), (ReadModel::Dynamic, RoutingReason::Forced));
        routing.evolve(&RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason: "errors".into() }));
        let events = routing.decide(back).unwrap();
        events.iter().for_each(|event| routing.evolve(event));
        assert!(routing.rolled_back, "a rollback of the stage never ends a rollback of reads");
    }

    #[test]
    fn no_override_enters_the_last_stage_while_the_legacy_view_answers_reads() {
        let mut routing = at(Stage::Dynamic);
        routing.forced.insert(RoutedSubject::client("tester"), ReadModel::Legacy);
        let wanted = AdvanceStage {
            overridden: Some(Override { reason: "known".into(), approver: None }),
            ..advance(Stage::Retired)
        };
        let refused = routing.decide(RoutingCommand::AdvanceStage(wanted));
        assert_eq!(refused, Err(RoutingRejection::SubjectsOnLegacy(1)));
    }

    #[test]
    fn stages_parse_their_own_names() {
        for stage in Stage::ALL {
            assert_eq!(Stage::parse(stage.as_str()), Some(stage));
        }
        assert_eq!((Stage::parse("canary"), Stage::Retired.next()), (None, None));
    }

    #[test]
    fn a_percentage_set_by_hand_leads_to_the_last_stage_that_needs_no_more() {
        let cases =
            [(0.0, Stage::Shadow), (4.0, Stage::Shadow), (5.0, Stage::Canary5), (60.0, Stage::Canary50)];
        for (percent, stage) in cases.into_iter().chain([(100.0, Stage::Dynamic)]) {
            let mut routing = at(Stage::Shadow);
            let share = RolloutPercentage::from_percent(percent).unwrap();
            routing.evolve(&RoutingEvent::DynamicShareSet(DynamicShareSet { share, reason: "test".into() }));
            assert_eq!((routing.stage, routing.share), (stage, share));
        }
    }
}
