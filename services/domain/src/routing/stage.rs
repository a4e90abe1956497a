//! The stages of the migration: legacy, shadow, three canaries, dynamic, retired, and back from each.
//!
//! A stage is a share with a name, and what has to hold before it. It is entered one at a time and left to any earlier
//! one. Everything that is entered is recorded with the evidence on which it was. Order of this file: stages, events,
//! commands, decide.

use serde::{Deserialize, Serialize};

use super::gate::{Gate, GateResult};
use super::retirement::LogPlace;
use super::{RolloutPercentage, Routing, RoutingEvent, RoutingRejection, require_reason};
use crate::vocabulary::ReadModel;

/// A stage of the migration. The spellings are storage format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The legacy view answers everybody.
    #[default]
    Legacy,
    /// It still does, and the dynamic view answers a sample of reads as well, for comparison.
    Shadow,
    /// The dynamic view answers 5 % of subjects.
    #[serde(rename = "canary-5")]
    Canary5,
    /// 25 %.
    #[serde(rename = "canary-25")]
    Canary25,
    /// 50 %.
    #[serde(rename = "canary-50")]
    Canary50,
    /// It answers everybody; the legacy view is kept up and can take over.
    Dynamic,
    /// The legacy view is gone; the log keeps all that was in it.
    Retired,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Legacy,
        Self::Shadow,
        Self::Canary5,
        Self::Canary25,
        Self::Canary50,
        Self::Dynamic,
        Self::Retired,
    ];

    /// As commands and lists name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Shadow => "shadow",
            Self::Canary5 => "canary-5",
            Self::Canary25 => "canary-25",
            Self::Canary50 => "canary-50",
            Self::Dynamic => "dynamic",
            Self::Retired => "retired",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }

    /// The part of subjects that the dynamic view answers in it.
    pub const fn share(self) -> RolloutPercentage {
        match self {
            Self::Legacy | Self::Shadow => RolloutPercentage::NONE,
            Self::Canary5 => RolloutPercentage(500),
            Self::Canary25 => RolloutPercentage(2_500),
            Self::Canary50 => RolloutPercentage(5_000),
            Self::Dynamic | Self::Retired => RolloutPercentage::ALL,
        }
    }

    /// The stage that follows.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage > self)
    }

    /// The last stage that leads no more subjects to the dynamic view than a share that was set by hand; `from` where that is
    /// one of those.
    pub(super) fn of_share(share: RolloutPercentage, from: Self) -> Self {
        let fits = |stage: &Self| stage.share() <= share && *stage != Self::Retired;
        let reached = Self::ALL.into_iter().rev().find(fits).unwrap_or_default();
        if from.share() == reached.share() { from } else { reached }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// In which direction a stage was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the next stage, through its gates.
    Advanced,
    /// To an earlier one; nothing stands in the way of that.
    RolledBack,
}

/// Gates that did not let through, and who went on all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Why.
    pub reason: Box<str>,
    /// Who else agreed, where somebody did.
    pub approver: Option<Box<str>>,
}

/// A stage was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageEntered {
    /// Which.
    pub stage: Stage,
    /// The stage before it.
    pub from: Stage,
    /// In which direction.
    pub way: Direction,
    /// Where the log was when the gates were measured; none on the way back.
    pub position: Option<LogPlace>,
    /// The gates as they were measured; none on the way back.
    pub gates: Vec<GateResult>,
    /// Who went on though gates did not let through.
    pub overridden: Option<Override>,
    /// Why, where somebody said so.
    pub reason: Option<Box<str>>,
}

/// The next stage is to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvanceStage {
    /// Which; it has to be the one that follows.
    pub stage: Stage,
    /// Where the log was when the gates were measured.
    pub position: LogPlace,
    /// The gates as they were measured.
    pub gates: Vec<GateResult>,
    /// Whether to go on though gates do not let through.
    pub overridden: Option<Override>,
    /// Why, where somebody says so.
    pub reason: Option<Box<str>>,
}

/// An earlier stage is to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollBackStage {
    /// Which.
    pub stage: Stage,
    /// Why.
    pub reason: Box<str>,
}

impl Routing {
    /// Whether a stage may be entered next, as far as its gates let through; if not, the fact that stands in the way.
    pub fn check_next(&self, stage: Stage) -> Result<(), RoutingRejection> {
        if self.stage.next() != Some(stage) {
            return Err(RoutingRejection::StageOutOfOrder { at: self.stage, wanted: stage });
        }
        // No reason makes up for somebody being led to a view that is about to go.
        if stage == Stage::Retired { self.check_unread(ReadModel::Legacy) } else { Ok(()) }
    }

    pub(super) fn decide_advance(
        &self,
        wanted: AdvanceStage,
    ) -> Result<Option<RoutingEvent>, RoutingRejection> {
        if self.stage == wanted.stage && self.share == wanted.stage.share() && !self.rolled_back {
            return Ok(None);
        }
        self.check_next(wanted.stage)?;
        if let Some(overridden) = &wanted.overridden {
            require_reason(&overridden.reason)?;
        } else if let Some(gate) = Gate::shut(wanted.stage, &wanted.gates).next() {
            return Err(RoutingRejection::GateShut { stage: wanted.stage, gate });
        }
        let AdvanceStage { stage, position, gates, overridden, reason } = wanted;
        let (way, position) = (Direction::Advanced, Some(position));
        let entered = StageEntered { stage, from: self.stage, way, position, gates, overridden, reason };
        Ok(Some(RoutingEvent::StageEntered(entered)))
    }

    pub(super) fn decide_stage_rollback(
        &self,
        wanted: RollBackStage,
    ) -> Result<Option<RoutingEvent>, RoutingRejection> {
        require_reason(&wanted.reason)?;
        self.check_in_use(ReadModel::Legacy)?;
        if wanted.stage > self.stage {
            return Err(RoutingRejection::StageOutOfOrder { at: self.stage, wanted: wanted.stage });
        }
        let RollBackStage { stage, reason } = wanted;
        let is_complete = self.rolled_back || stage != Stage::Legacy;
        let there = self.stage == stage && self.share == stage.share() && is_complete;
        let entered = StageEntered {
            stage,
            from: self.stage,
            way: Direction::RolledBack,
            position: None,
            gates: vec![],
            overridden: None,
            reason: Some(reason),
        };
        Ok((!there).then_some(RoutingEvent::StageEntered(entered)))
    }
}

impl Routing {
    /// The routing as it would be in a stage: whom it leads where, with the forced list as it is. Nothing is recorded.
    #[must_use]
    pub fn at(&self, stage: Stage) -> Self {
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
    fn stages_are_entered_one_after_the_other_each_with_its_share() {
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
                assert_eq!(refused, Err(RoutingRejection::GateShut { stage: Stage::Canary25, gate }));
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
    fn every_earlier_stage_can_be_gone_back_to_and_no_later_one() {
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
    fn going_back_to_legacy_is_for_everybody_and_only_the_next_stage_ends_it() {
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
        assert!(routing.rolled_back, "a stage that is gone back to never undoes a rollback");
    }

    #[test]
    fn the_last_stage_is_not_entered_while_somebody_is_led_to_legacy_whatever_the_reason() {
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
    fn stages_are_read_as_they_are_shown() {
        for stage in Stage::ALL {
            assert_eq!(Stage::parse(stage.as_str()), Some(stage));
        }
        assert_eq!((Stage::parse("canary"), Stage::Retired.next()), (None, None));
    }

    #[test]
    fn a_share_that_is_set_by_hand_leads_to_the_last_stage_that_asks_no_more() {
        let cases =
            [(0.0, Stage::Shadow), (4.0, Stage::Shadow), (5.0, Stage::Canary5), (60.0, Stage::Canary50)];
        for (percent, stage) in cases.into_iter().chain([(100.0, Stage::Dynamic)]) {
            let mut routing = at(Stage::Shadow);
            let share = RolloutPercentage::percent(percent).unwrap();
            routing.evolve(&RoutingEvent::DynamicShareSet(DynamicShareSet { share, reason: "test".into() }));
            assert_eq!((routing.stage, routing.share), (stage, share));
        }
    }
}
