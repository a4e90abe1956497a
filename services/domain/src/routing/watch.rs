//! What is recorded beside the stages: the checklist's items, the old flags, and guardrails that tripped.

use serde::{Deserialize, Serialize};

use super::{Routing, RoutingEvent, RoutingRejection, Share, require_reason};
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
    pub rollout: Option<Share>,
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

impl Routing {
    /// Records the flags where they are not those of the last start, and does what they say.
    pub(super) fn decide_flags(&self, seen: FlagsObserved) -> Result<Vec<RoutingEvent>, RoutingRejection> {
        use super::{DynamicShareSet, ReadsRolledBack};
        if self.flags == seen {
            return Ok(vec![]);
        }
        let mut events = vec![RoutingEvent::FlagsObserved(seen)];
        let share = seen.share();
        let reason = "the flags of the environment changed".into();
        if self.is_retired(ReadModel::Legacy) || (share == self.share && !self.rolled_back) {
            return Ok(events);
        }
        if share == Share::NONE {
            let kill = RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason });
            events.extend((!self.rolled_back).then_some(kill));
        } else {
            events.push(RoutingEvent::DynamicShareSet(DynamicShareSet { share, reason }));
        }
        Ok(events)
    }

    /// Whether guardrails have anything to roll back: somebody is led to the dynamic view by the share, and the legacy one is
    /// there to go back to.
    pub fn is_guarded(&self) -> bool {
        !self.rolled_back && self.share != Share::NONE && !self.is_retired(ReadModel::Legacy)
    }

    /// Records the trip and rolls back; nothing where nobody is led to the model any more.
    pub(super) fn decide_trip(&self, tripped: GuardrailTripped) -> Vec<RoutingEvent> {
        if !self.is_guarded() {
            return vec![];
        }
        let reason = format!("guardrail: {} (limit {})", tripped.found, tripped.limit).into();
        let rolled_back = super::ReadsRolledBack { reason };
        vec![RoutingEvent::GuardrailTripped(tripped), RoutingEvent::ReadsRolledBack(rolled_back)]
    }

    pub(super) fn decide_item(&self, done: ChecklistItemDone) -> Result<Vec<RoutingEvent>, RoutingRejection> {
        require_reason(&done.evidence)?;
        let same = self.checklist.get(&done.item) == Some(&done.evidence);
        Ok(if same { vec![] } else { vec![RoutingEvent::ChecklistItemDone(done)] })
    }
}

impl FlagsObserved {
    /// The share that the flags ask for: everybody, or the rollout's percentage, or nobody.
    pub fn share(self) -> Share {
        match self.use_dynamic_services {
            Some(true) => Share::ALL,
            Some(false) | None => self.rollout.unwrap_or(Share::NONE),
        }
    }
}
