//! The gates that depend on the history of the migration: soak time, stability and the checklist.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::routing::{ChecklistItem, Finding, Gate, GateResult, RolloutHistory, Stage};

use super::figures::{duration, elapsed};
use super::{GateSettings, met_if, result};

/// The current stage, when it began, and when the stage before it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StageStay {
    pub(super) stage: Stage,
    pub(super) since: DateTime<Utc>,
    pub(super) former_since: Option<DateTime<Utc>>,
}

impl StageStay {
    /// None if no stage was ever entered.
    pub(super) fn from_history(history: &RolloutHistory) -> Option<Self> {
        let (stage, former_since) = (history.stage(), history.former_since());
        history.since().map(|since| Self { stage, since, former_since })
    }
}

pub(super) fn before(stage: Stage) -> Stage {
    Stage::ALL.into_iter().rev().find(|earlier| *earlier < stage).unwrap_or_default()
}

/// A gate that is measured in the stage before, while another stage is current.
pub(super) fn wrong_stage(gate: Gate, stage: Stage, history: &RolloutHistory) -> GateResult {
    let found = format!("the stage is {}", history.stage());
    result(gate, Finding::NotMet, found, format!("measured during {}, before {stage}", before(stage)))
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HistoryGates<'a> {
    pub(super) history: &'a RolloutHistory,
    pub(super) now: DateTime<Utc>,
    pub(super) settings: &'a GateSettings,
}

impl HistoryGates<'_> {
    pub(super) fn soak(&self, stage: Stage) -> GateResult {
        let before = before(stage);
        let needed = self.settings.soak.required_in(before);
        let asked = format!("{} in {before}", duration(needed));
        let Some(since) = self.history.since().filter(|_| self.history.stage() == before) else {
            let found = format!("the stage is {}", self.history.stage());
            return result(Gate::Soak, Finding::NotMet, found, asked);
        };
        let lasted = elapsed(self.now - since);
        result(Gate::Soak, met_if(lasted >= needed), format!("{} in {before}", duration(lasted)), asked)
    }

    /// The time without a rollback, counted from the first canary at the earliest.
    pub(super) fn stability(&self) -> GateResult {
        let needed = self.settings.soak.stability;
        let asked = format!("{} since the first canary and the last rollback", duration(needed));
        let Some(switching) = self.history.switching_since() else {
            let found = format!("the stage is {}: no canary is active", self.history.stage());
            return result(Gate::Stability, Finding::NotMet, found, asked);
        };
        let setback = self.history.last_setback.filter(|at| *at > switching);
        let lasted = elapsed(self.now - setback.unwrap_or(switching));
        let start =
            if setback.is_some() { "the last rollback" } else { "the first canary, without a rollback" };
        let found = format!("{} since {start}", duration(lasted));
        result(Gate::Stability, met_if(lasted >= needed), found, asked)
    }

    /// Before the cleanup, both must be from the dynamic stage: that backup is the one to restore after the cleanup.
    pub(super) fn backup(&self, stage: Stage) -> GateResult {
        let fresh = self.settings.backup_fresh;
        let (not_before, asked) = if stage == Stage::Retired {
            (self.dynamic_since(), "both since the dynamic stage began".to_owned())
        } else {
            (
                TimeDelta::from_std(fresh).ok().and_then(|fresh| self.now.checked_sub_signed(fresh)),
                format!("both within the last {}", duration(fresh)),
            )
        };
        let items = [ChecklistItem::BackupMade, ChecklistItem::RestoreTested];
        let is_met = items.into_iter().all(|item| self.is_done_since(item, not_before));
        let found = format!(
            "backup: {}; restore test: {}",
            self.when(ChecklistItem::BackupMade),
            self.when(ChecklistItem::RestoreTested)
        );
        let asked = format!("{asked}; `daybook backup` and `daybook restore --verify` record them");
        result(Gate::Backup, met_if(is_met), found, asked)
    }

    pub(super) fn contacts(&self) -> GateResult {
        let is_met = self.history.checklist.contains_key(&ChecklistItem::ContactsFilled);
        let found = format!("filled in: {}", self.when(ChecklistItem::ContactsFilled));
        let asked = "the emergency contacts; `daybook migrate checklist contacts` sets them";
        result(Gate::Contacts, met_if(is_met), found, asked)
    }

    /// A rollback ends the dynamic stage, so an earlier approval no longer counts.
    pub(super) fn approval(&self) -> GateResult {
        let is_met = self.is_done_since(ChecklistItem::CleanupApproved, self.dynamic_since());
        let found = format!("approved: {}", self.when(ChecklistItem::CleanupApproved));
        let asked = "an approval since the dynamic stage began; `daybook migrate checklist done cleanup-approved` records it";
        result(Gate::Approval, met_if(is_met), found, asked)
    }

    fn dynamic_since(&self) -> Option<DateTime<Utc>> {
        self.history.since().filter(|_| self.history.stage() == Stage::Dynamic)
    }

    fn is_done_since(&self, item: ChecklistItem, not_before: Option<DateTime<Utc>>) -> bool {
        let done = self.history.checklist.get(&item);
        done.zip(not_before).is_some_and(|(record, moment)| record.recording.at >= moment)
    }

    fn when(&self, item: ChecklistItem) -> String {
        let record = self.history.checklist.get(&item);
        record.map_or_else(
            || "never".to_owned(),
            |record| format!("{} ago", duration(elapsed(self.now - record.recording.at))),
        )
    }
}
