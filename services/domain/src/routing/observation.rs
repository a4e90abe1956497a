//! Observations from outside: checklist items, the old feature flags, and tripped guardrails.
//!
//! Flags and guardrails change the routing at one moment: when a flag changes, when a limit is exceeded. Neither may undo a
//! later decision. Order of this file: events, decide.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{
    DynamicShareSet, ReadsRolledBack, RolloutPercentage, Routing, RoutingEvent, RoutingRejection, Stage,
    require_text,
};
use crate::value;
use crate::vocabulary::{ReadModel, vocabulary};

/// A checklist item: a preparation that cannot be measured in the views. The spellings are storage format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChecklistItem {
    BackupMade,
    /// A backup was restored elsewhere and verified.
    RestoreTested,
    /// The emergency contacts are filled in.
    ContactsFilled,
    /// The staging environment matches production.
    StagingMatches,
    /// The team has practised rollbacks.
    TeamTrained,
    MonitoringReady,
    /// The stakeholders know the schedule.
    StakeholdersNotified,
    /// The team has approved dropping the legacy view.
    CleanupApproved,
}

impl ChecklistItem {
    /// All items in display order.
    pub const ALL: [Self; 8] = [
        Self::BackupMade,
        Self::RestoreTested,
        Self::StagingMatches,
        Self::TeamTrained,
        Self::MonitoringReady,
        Self::ContactsFilled,
        Self::StakeholdersNotified,
        Self::CleanupApproved,
    ];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BackupMade => "backup-made",
            Self::RestoreTested => "restore-tested",
            Self::ContactsFilled => "contacts-filled",
            Self::StagingMatches => "staging-matches",
            Self::TeamTrained => "team-trained",
            Self::MonitoringReady => "monitoring-ready",
            Self::StakeholdersNotified => "stakeholders-notified",
            Self::CleanupApproved => "cleanup-approved",
        }
    }

    /// Whether Daybook detects it by itself, so that nobody can complete it by hand.
    pub const fn is_detected(self) -> bool {
        matches!(self, Self::BackupMade | Self::RestoreTested | Self::ContactsFilled)
    }
}

impl fmt::Display for ChecklistItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// There is no checklist item with this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no checklist item with this name; `daybook migrate checklist` lists all items")]
pub struct UnknownItem;

impl FromStr for ChecklistItem {
    type Err = UnknownItem;

    fn from_str(text: &str) -> Result<Self, UnknownItem> {
        Self::ALL.into_iter().find(|item| item.as_str() == text).ok_or(UnknownItem)
    }
}

/// A checklist item was completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistItemDone {
    pub item: ChecklistItem,
    /// The evidence, such as the name and digest of a file; never a phone number.
    pub evidence: Box<str>,
}

/// The old system's two feature flags, as found in the environment of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlagsObserved {
    /// `USE_DYNAMIC_SERVICES`.
    pub use_dynamic_services: Option<bool>,
    /// `DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE`.
    pub rollout: Option<RolloutPercentage>,
}

vocabulary! {
    /// A guardrail. The spellings are storage format.
    Guardrail {
        /// The rate of failed requests.
        Errors = "errors",
        /// The duration of requests.
        Latency = "latency",
        /// The rate of reads that both views answer differently.
        Mismatches = "mismatches",
    }
}

/// A guardrail limit was exceeded, so reads were rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardrailTripped {
    pub guardrail: Guardrail,
    /// The view that exceeded it.
    pub model: ReadModel,
    /// The measured value, in words without anything about a patient.
    pub found: Box<str>,
    pub limit: Box<str>,
    /// Length of the measured window.
    pub window_seconds: u32,
}

impl FlagsObserved {
    /// The percentage that the flags demand; `None` if neither is set. The runbook removes the flags at the end of the
    /// migration, so missing flags demand nothing.
    pub fn share(self) -> Option<RolloutPercentage> {
        match (self.use_dynamic_services, self.rollout) {
            (Some(true), _) => Some(RolloutPercentage::ALL),
            (Some(false) | None, Some(rollout)) => Some(rollout),
            (Some(false), None) => Some(RolloutPercentage::NONE),
            (None, None) => None,
        }
    }
}

impl Routing {
    /// Records changed flags and applies them.
    pub(super) fn decide_flags(&self, flags: FlagsObserved) -> Vec<RoutingEvent> {
        if self.flags == flags {
            return vec![];
        }
        let change = flags.share().and_then(|share| self.apply_flags(share));
        std::iter::once(RoutingEvent::FlagsObserved(flags)).chain(change).collect()
    }

    /// The event that establishes the percentage of the flags; `None` if it is in effect already. In the last stage flags
    /// have no effect, so that a process started by an old script cannot undo the cleanup.
    fn apply_flags(&self, share: RolloutPercentage) -> Option<RoutingEvent> {
        let reason = "the flags of the environment changed".into();
        if self.stage == Stage::Retired || (share == self.share && !self.rolled_back) {
            return None;
        }
        if share == RolloutPercentage::NONE {
            let rollback = RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason });
            return (!self.rolled_back).then_some(rollback);
        }
        Some(RoutingEvent::DynamicShareSet(DynamicShareSet { share, reason }))
    }

    /// Whether guardrails have something to roll back: the percentage is above 0, and the legacy view is not retired.
    pub fn is_guarded(&self) -> bool {
        !self.rolled_back && self.share != RolloutPercentage::NONE && !self.is_retired(ReadModel::Legacy)
    }

    /// Records the trip and rolls back, unless there is nothing to roll back.
    pub(super) fn decide_trip(&self, tripped: GuardrailTripped) -> Vec<RoutingEvent> {
        if !self.is_guarded() {
            return vec![];
        }
        let reason = format!("guardrail: {} (limit {})", tripped.found, tripped.limit).into();
        let rolled_back = RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason });
        vec![RoutingEvent::GuardrailTripped(tripped), rolled_back]
    }

    /// Records a completed item, unless its latest evidence is the same.
    pub(super) fn decide_item(&self, done: ChecklistItemDone) -> Result<Vec<RoutingEvent>, RoutingRejection> {
        require_text("evidence", &done.evidence, value::EVIDENCE)?;
        let same = self.checklist.get(&done.item) == Some(&done.evidence);
        Ok(if same { vec![] } else { vec![RoutingEvent::ChecklistItemDone(done)] })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RoutingCommand, ViewRetired};
    use super::*;

    fn flags(use_dynamic_services: Option<bool>, percent: Option<f64>) -> FlagsObserved {
        let rollout = percent.map(|percent| RolloutPercentage::from_percent(percent).unwrap());
        FlagsObserved { use_dynamic_services, rollout }
    }

    /// Starts a process with flags and returns the number of events.
    fn start(routing: &mut Routing, flags: FlagsObserved) -> usize {
        let events = routing.decide(RoutingCommand::ObserveFlags(flags)).unwrap();
        events.iter().for_each(|event| routing.evolve(event));
        assert_eq!(routing.flags, flags);
        events.len()
    }

    fn set(routing: &mut Routing, percent: f64) {
        let share = RolloutPercentage::from_percent(percent).unwrap();
        routing.evolve(&RoutingEvent::DynamicShareSet(DynamicShareSet { share, reason: "by hand".into() }));
    }

    fn trip() -> GuardrailTripped {
        GuardrailTripped {
            guardrail: Guardrail::Errors,
            model: ReadModel::Dynamic,
            found: "9 of 100 failed".into(),
            limit: "1 %".into(),
            window_seconds: 60,
        }
    }

    #[test]
    fn the_flags_of_the_runbook_lead_through_all_stages_and_back() {
        let mut routing = Routing::default();
        // The first deployment sets both flags without any effect.
        assert_eq!(start(&mut routing, flags(Some(false), Some(0.0))), 1);
        assert_eq!(routing.stage, Stage::Legacy);
        for (on, percent, stage) in [
            (false, 5.0, Stage::Canary5),
            (false, 25.0, Stage::Canary25),
            (false, 50.0, Stage::Canary50),
            (true, 100.0, Stage::Dynamic),
        ] {
            assert_eq!(start(&mut routing, flags(Some(on), Some(percent))), 2, "{percent}");
            let share = RolloutPercentage::from_percent(percent).unwrap();
            assert_eq!((routing.stage, routing.share, routing.rolled_back), (stage, share, false));
        }
        assert_eq!(start(&mut routing, flags(Some(false), Some(0.0))), 2);
        assert_eq!((routing.stage, routing.rolled_back), (Stage::Legacy, true));
    }

    #[test]
    fn a_true_flag_has_priority_over_the_percentage_and_either_may_be_unset() {
        let cases = [
            (flags(None, None), None),
            (flags(Some(true), None), Some(RolloutPercentage::ALL)),
            (flags(Some(true), Some(25.0)), Some(RolloutPercentage::ALL)),
            (flags(Some(false), None), Some(RolloutPercentage::NONE)),
            (flags(None, Some(25.0)), Some(RolloutPercentage(2_500))),
            (flags(Some(false), Some(25.0)), Some(RolloutPercentage(2_500))),
        ];
        for (flags, share) in cases {
            assert_eq!(flags.share(), share, "{flags:?}");
        }
    }

    #[test]
    fn unchanged_flags_never_undo_a_later_change() {
        let mut routing = Routing::default();
        assert_eq!(start(&mut routing, flags(None, None)), 0, "unset at a first start");
        start(&mut routing, flags(None, Some(25.0)));
        set(&mut routing, 60.0);
        assert_eq!(start(&mut routing, flags(None, Some(25.0))), 0);
        assert_eq!(routing.share.as_percent(), 60.0);
        routing.evolve(&RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason: "errors".into() }));
        assert_eq!(start(&mut routing, flags(None, Some(25.0))), 0);
        assert!(routing.rolled_back);
        assert_eq!(start(&mut routing, flags(None, Some(50.0))), 2, "a changed flag is a new decision");
        assert_eq!((routing.share.as_percent(), routing.rolled_back), (50.0, false));
    }

    #[test]
    fn flags_that_match_the_routing_are_recorded_and_change_nothing() {
        let mut routing = Routing::default();
        set(&mut routing, 25.0);
        assert_eq!(start(&mut routing, flags(None, Some(25.0))), 1);
        routing.evolve(&RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason: "errors".into() }));
        assert_eq!(start(&mut routing, flags(Some(false), None)), 1, "rolled back already");
    }

    #[test]
    fn removed_flags_leave_the_routing_unchanged() {
        let mut routing = Routing::default();
        start(&mut routing, flags(Some(true), Some(100.0)));
        assert_eq!(start(&mut routing, flags(None, None)), 1);
        assert_eq!((routing.stage, routing.share), (Stage::Dynamic, RolloutPercentage::ALL));
    }

    #[test]
    fn no_flag_and_no_guardrail_routes_reads_to_a_retired_view() {
        let mut routing = Routing::default();
        set(&mut routing, 100.0);
        let (generation, reservations, rules_version) = (1, 0, 1);
        routing.evolve(&RoutingEvent::ViewRetired(ViewRetired {
            model: ReadModel::Legacy,
            generation,
            position: super::super::LogPlace { commit: 1, prepare: 1 },
            reservations,
            digest: "00".into(),
            rules_version,
            declared: vec![],
            reason: "done".into(),
        }));
        let retired = routing.clone();
        assert_eq!(start(&mut routing, flags(Some(false), Some(5.0))), 1);
        assert_eq!(
            (routing.share, routing.rolled_back, routing.stage),
            (RolloutPercentage::ALL, false, Stage::Retired)
        );
        assert_eq!(retired.decide(RoutingCommand::TripGuardrail(trip())), Ok(vec![]));
    }

    #[test]
    fn a_guardrail_rolls_back_once_and_only_above_0_percent() {
        let mut routing = Routing::default();
        let command = RoutingCommand::TripGuardrail(trip());
        assert_eq!(routing.decide(command.clone()), Ok(vec![]), "the percentage is 0");
        set(&mut routing, 5.0);
        let events = routing.decide(command.clone()).unwrap();
        let [RoutingEvent::GuardrailTripped(noted), RoutingEvent::ReadsRolledBack(back)] = &*events else {
            panic!("{events:?}")
        };
        assert_eq!(*noted, trip());
        assert_eq!(&*back.reason, "guardrail: 9 of 100 failed (limit 1 %)");
        events.iter().for_each(|event| routing.evolve(event));
        assert_eq!((routing.stage, routing.rolled_back), (Stage::Legacy, true));
        assert_eq!(routing.decide(command), Ok(vec![]), "rolled back already");
    }

    #[test]
    fn an_item_needs_evidence_and_is_recorded_again_only_with_new_evidence() {
        let done = |evidence: &str| {
            let item = ChecklistItem::BackupMade;
            RoutingCommand::CompleteChecklistItem(ChecklistItemDone { item, evidence: evidence.into() })
        };
        let mut routing = Routing::default();
        assert_eq!(routing.decide(done(" ")), Err(RoutingRejection::ReasonMissing));
        for (evidence, events) in [("daybook.dump", 1), ("daybook.dump", 0), ("later.dump", 1)] {
            let caused = routing.decide(done(evidence)).unwrap();
            caused.iter().for_each(|event| routing.evolve(event));
            assert_eq!((caused.len(), routing.checklist.len()), (events, 1));
        }
    }

    #[test]
    fn displayed_names_are_the_stored_names() {
        for item in ChecklistItem::ALL {
            assert_eq!(serde_json::to_value(item).unwrap(), item.as_str());
            assert_eq!(item.to_string().parse(), Ok(item));
        }
        for rail in Guardrail::ALL {
            assert_eq!(serde_json::to_value(rail).unwrap(), rail.as_str());
        }
    }
}
