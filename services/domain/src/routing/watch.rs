//! What is recorded beside the stages: the checklist's items, the old flags, and guardrails that tripped.
//!
//! Flags and guardrails change who is answered by which model, each at one moment: when a flag changed, when a limit was
//! passed. Neither may undo what was decided since. Order of this file: events, decide.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{
    DynamicShareSet, ReadsRolledBack, RolloutPercentage, Routing, RoutingEvent, RoutingRejection, Stage,
    require_reason,
};
use crate::vocabulary::ReadModel;

/// An item of the checklist that a machine cannot see by itself, or that leaves no trace in the views. The spellings are
/// storage format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChecklistItem {
    /// A backup was made.
    BackupMade,
    /// A backup was restored elsewhere and found whole.
    RestoreTested,
    /// It is written down whom to call.
    ContactsFilled,
    /// The rehearsal environment is like the real one.
    StagingMatches,
    /// The team has practised the way back.
    TeamTrained,
    /// Somebody watches.
    MonitoringReady,
    /// Those concerned know when.
    StakeholdersNotified,
    /// The team agrees that the legacy view goes.
    CleanupApproved,
}

impl ChecklistItem {
    /// All, in the order in which they are asked for.
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

    /// As it is stored and written.
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

    /// Whether Daybook sees by itself that it was done. Nobody's word is taken for such a one.
    pub const fn is_seen(self) -> bool {
        matches!(self, Self::BackupMade | Self::RestoreTested | Self::ContactsFilled)
    }
}

impl fmt::Display for ChecklistItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text names no item of the checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no item of the checklist is called so; `daybook migrate checklist` lists them")]
pub struct UnknownItem;

impl FromStr for ChecklistItem {
    type Err = UnknownItem;

    fn from_str(text: &str) -> Result<Self, UnknownItem> {
        Self::ALL.into_iter().find(|item| item.as_str() == text).ok_or(UnknownItem)
    }
}

/// An item of the checklist was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistItemDone {
    /// Which.
    pub item: ChecklistItem,
    /// What shows it, such as a file's name and digest; never a person's phone number.
    pub evidence: Box<str>,
}

/// The old system's two flags, as the environment of a process held them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlagsObserved {
    /// `USE_DYNAMIC_SERVICES`.
    pub use_dynamic_services: Option<bool>,
    /// `DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE`.
    pub rollout: Option<RolloutPercentage>,
}

/// What a guardrail watches. The spellings are storage format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guardrail {
    /// Requests that failed.
    Errors,
    /// How long answers take.
    Latency,
    /// Reads that the models answered differently.
    Mismatches,
    /// The part of subjects that each model got, against the part that it should have got.
    SampleRatio,
}

impl Guardrail {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Errors, Self::Latency, Self::Mismatches, Self::SampleRatio];

    /// As settings, metrics and lists name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Latency => "latency",
            Self::Mismatches => "mismatches",
            Self::SampleRatio => "sample-ratio",
        }
    }
}

/// A guardrail's limit was passed; reads were rolled back with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardrailTripped {
    /// Which.
    pub guardrail: Guardrail,
    /// The model that passed it.
    pub model: ReadModel,
    /// What was found, in words that hold nothing of a patient.
    pub found: Box<str>,
    /// The limit.
    pub limit: Box<str>,
    /// Length of the window that was judged, in seconds.
    pub window_seconds: u32,
}

impl FlagsObserved {
    /// The share that the flags ask for: everybody, or the rollout's percentage, or nobody. None where neither is set:
    /// flags that were taken out of the environment, as the end of a migration wants it, say nothing of who is answered.
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
    /// Records the flags where they are not those of the last start, and does what they say.
    pub(super) fn decide_flags(&self, seen: FlagsObserved) -> Vec<RoutingEvent> {
        if self.flags == seen {
            return vec![];
        }
        let followed = seen.share().and_then(|share| self.follow(share));
        std::iter::once(RoutingEvent::FlagsObserved(seen)).chain(followed).collect()
    }

    /// What brings about a share that flags ask for. None where it is there already, or the legacy view is on its way out:
    /// a process that was started by an old script must not end a cleanup.
    fn follow(&self, share: RolloutPercentage) -> Option<RoutingEvent> {
        let reason = "the flags of the environment changed".into();
        if self.stage == Stage::Retired || (share == self.share && !self.rolled_back) {
            return None;
        }
        if share == RolloutPercentage::NONE {
            let kill = RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason });
            return (!self.rolled_back).then_some(kill);
        }
        Some(RoutingEvent::DynamicShareSet(DynamicShareSet { share, reason }))
    }

    /// Whether guardrails have anything to roll back: somebody is led to the dynamic view by the share, and the legacy one is
    /// there to go back to.
    pub fn is_guarded(&self) -> bool {
        !self.rolled_back && self.share != RolloutPercentage::NONE && !self.is_retired(ReadModel::Legacy)
    }

    /// Records the trip and rolls back; nothing where nobody is led to the dynamic view by share any more.
    pub(super) fn decide_trip(&self, tripped: GuardrailTripped) -> Vec<RoutingEvent> {
        if !self.is_guarded() {
            return vec![];
        }
        let reason = format!("guardrail: {} (limit {})", tripped.found, tripped.limit).into();
        let rolled_back = RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason });
        vec![RoutingEvent::GuardrailTripped(tripped), rolled_back]
    }

    /// Records that an item was done, unless the same evidence showed it last.
    pub(super) fn decide_item(&self, done: ChecklistItemDone) -> Result<Vec<RoutingEvent>, RoutingRejection> {
        require_reason(&done.evidence)?;
        let same = self.checklist.get(&done.item) == Some(&done.evidence);
        Ok(if same { vec![] } else { vec![RoutingEvent::ChecklistItemDone(done)] })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RoutingCommand, ViewRetired};
    use super::*;

    fn flags(use_dynamic_services: Option<bool>, percent: Option<f64>) -> FlagsObserved {
        let rollout = percent.map(|percent| RolloutPercentage::percent(percent).unwrap());
        FlagsObserved { use_dynamic_services, rollout }
    }

    /// Starts a process under flags, and gives how many events that caused.
    fn start(routing: &mut Routing, flags: FlagsObserved) -> usize {
        let events = routing.decide(RoutingCommand::ObserveFlags(flags)).unwrap();
        events.iter().for_each(|event| routing.evolve(event));
        assert_eq!(routing.flags, flags);
        events.len()
    }

    fn set(routing: &mut Routing, percent: f64) {
        let share = RolloutPercentage::percent(percent).unwrap();
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
    fn the_runbook_s_flags_lead_from_nobody_to_everybody_and_back() {
        let mut routing = Routing::default();
        // The first deploy: both set, nobody is to notice.
        assert_eq!(start(&mut routing, flags(Some(false), Some(0.0))), 1);
        assert_eq!(routing.stage, Stage::Legacy);
        for (on, percent, stage) in [
            (false, 5.0, Stage::Canary5),
            (false, 25.0, Stage::Canary25),
            (false, 50.0, Stage::Canary50),
            (true, 100.0, Stage::Dynamic),
        ] {
            assert_eq!(start(&mut routing, flags(Some(on), Some(percent))), 2, "{percent}");
            let share = RolloutPercentage::percent(percent).unwrap();
            assert_eq!((routing.stage, routing.share, routing.rolled_back), (stage, share, false));
        }
        assert_eq!(start(&mut routing, flags(Some(false), Some(0.0))), 2);
        assert_eq!((routing.stage, routing.rolled_back), (Stage::Legacy, true));
    }

    #[test]
    fn a_flag_that_says_true_goes_before_the_percentage_and_either_may_be_unset() {
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
    fn flags_that_are_as_they_were_never_undo_a_later_change() {
        let mut routing = Routing::default();
        assert_eq!(start(&mut routing, flags(None, None)), 0, "unset at a first start");
        start(&mut routing, flags(None, Some(25.0)));
        set(&mut routing, 60.0);
        assert_eq!(start(&mut routing, flags(None, Some(25.0))), 0);
        assert_eq!(routing.share.as_percent(), 60.0);
        routing.evolve(&RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason: "errors".into() }));
        assert_eq!(start(&mut routing, flags(None, Some(25.0))), 0);
        assert!(routing.rolled_back);
        assert_eq!(start(&mut routing, flags(None, Some(50.0))), 2, "a change is a word of somebody");
        assert_eq!((routing.share.as_percent(), routing.rolled_back), (50.0, false));
    }

    #[test]
    fn flags_that_say_what_is_so_already_are_noted_and_change_nothing() {
        let mut routing = Routing::default();
        set(&mut routing, 25.0);
        assert_eq!(start(&mut routing, flags(None, Some(25.0))), 1);
        routing.evolve(&RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason: "errors".into() }));
        assert_eq!(start(&mut routing, flags(Some(false), None)), 1, "rolled back already");
    }

    #[test]
    fn flags_that_are_taken_out_of_the_environment_leave_everybody_where_they_are() {
        let mut routing = Routing::default();
        start(&mut routing, flags(Some(true), Some(100.0)));
        assert_eq!(start(&mut routing, flags(None, None)), 1);
        assert_eq!((routing.stage, routing.share), (Stage::Dynamic, RolloutPercentage::ALL));
    }

    #[test]
    fn no_flag_and_no_guardrail_leads_to_a_view_that_is_retired() {
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
    fn a_guardrail_rolls_back_once_and_only_where_somebody_is_led_to_the_dynamic_view() {
        let mut routing = Routing::default();
        let command = RoutingCommand::TripGuardrail(trip());
        assert_eq!(routing.decide(command.clone()), Ok(vec![]), "nobody is");
        set(&mut routing, 5.0);
        let events = routing.decide(command.clone()).unwrap();
        let [RoutingEvent::GuardrailTripped(noted), RoutingEvent::ReadsRolledBack(back)] = &*events else {
            panic!("{events:?}")
        };
        assert_eq!(*noted, trip());
        assert_eq!(&*back.reason, "guardrail: 9 of 100 failed (limit 1 %)");
        events.iter().for_each(|event| routing.evolve(event));
        assert_eq!((routing.stage, routing.rolled_back), (Stage::Legacy, true));
        assert_eq!(routing.decide(command), Ok(vec![]), "it did already");
    }

    #[test]
    fn an_item_is_done_with_evidence_and_again_only_with_another() {
        let done = |evidence: &str| {
            let item = ChecklistItem::BackupMade;
            RoutingCommand::DoChecklistItem(ChecklistItemDone { item, evidence: evidence.into() })
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
    fn what_lists_show_is_what_is_stored() {
        for item in ChecklistItem::ALL {
            assert_eq!(serde_json::to_value(item).unwrap(), item.as_str());
            assert_eq!(item.to_string().parse(), Ok(item));
        }
        for rail in Guardrail::ALL {
            assert_eq!(serde_json::to_value(rail).unwrap(), rail.as_str());
        }
    }
}
