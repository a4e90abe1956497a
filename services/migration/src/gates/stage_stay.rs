//! The gates that go by the migration's own past: how long a stage has lasted, since when nothing was gone back from, what of
//! the checklist was done and when.

use chrono::{DateTime, Utc};
use daybook_domain::routing::{ChecklistItem, Finding, Gate, GateResult, RolloutHistory, Stage};

use super::figures::{passed, time};
use super::{GateSettings, result};

/// The stage that holds, since when, and since when the one before it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StageStay {
    pub(super) stage: Stage,
    pub(super) since: DateTime<Utc>,
    pub(super) former_since: Option<DateTime<Utc>>,
}

impl StageStay {
    /// None where no stage was ever entered.
    pub(super) fn of(history: &RolloutHistory) -> Option<Self> {
        let (stage, former_since) = (history.stage(), history.former_since());
        history.since().map(|since| Self { stage, since, former_since })
    }
}

/// The stage that comes before another one.
pub(super) fn before(stage: Stage) -> Stage {
    Stage::ALL.into_iter().rev().find(|earlier| *earlier < stage).unwrap_or_default()
}

/// What is found of a gate that looks at the stage before, where that is not the one that holds.
pub(super) fn elsewhere(gate: Gate, stage: Stage, history: &RolloutHistory) -> GateResult {
    let found = format!("the stage is {}", history.stage());
    result(gate, Finding::NotMet, found, format!("measured in {}, before {stage} is entered", before(stage)))
}

/// What is measured at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct HistoryGates<'a> {
    pub(super) history: &'a RolloutHistory,
    pub(super) now: DateTime<Utc>,
    pub(super) settings: &'a GateSettings,
}

impl HistoryGates<'_> {
    /// Whether the stage before has lasted as long as it has to.
    pub(super) fn soak(&self, stage: Stage) -> GateResult {
        let before = before(stage);
        let needed = self.settings.soak.of(before);
        let asked = format!("{} in {before}", time(needed));
        let here = self.history.since().filter(|_| self.history.stage() == before);
        let Some(since) = here else {
            return result(
                Gate::Soak,
                Finding::NotMet,
                format!("the stage is {}", self.history.stage()),
                asked,
            );
        };
        let lasted = passed(self.now - since);
        let finding = if lasted >= needed { Finding::Met } else { Finding::NotMet };
        result(Gate::Soak, finding, format!("{} in {before}", time(lasted)), asked)
    }

    /// Whether nothing was gone back from for as long as it has to be. It begins with the first canary.
    pub(super) fn stability(&self) -> GateResult {
        let needed = self.settings.soak.stability;
        let asked = format!("{} since the first canary and the last step back", time(needed));
        let Some(switching) = self.history.switching_since() else {
            let found = format!("the stage is {}: no canary holds", self.history.stage());
            return result(Gate::Stability, Finding::NotMet, found, asked);
        };
        let setback = self.history.last_setback.filter(|at| *at > switching);
        let lasted = passed(self.now - setback.unwrap_or(switching));
        let what =
            if setback.is_some() { "the last step back" } else { "the first canary, without a step back" };
        let finding = if lasted >= needed { Finding::Met } else { Finding::NotMet };
        result(Gate::Stability, finding, format!("{} since {what}", time(lasted)), asked)
    }

    /// Whether a backup was made and its restoration tried, lately; before the legacy view goes, since everybody is on the
    /// dynamic one.
    pub(super) fn backup(&self, stage: Stage) -> GateResult {
        let fresh = self.settings.backup_fresh;
        let (not_before, asked) = if stage == Stage::Retired {
            (self.dynamic_since(), "both since the dynamic stage began".to_owned())
        } else {
            (self.now.checked_sub_signed(delta(fresh)), format!("both no more than {} ago", time(fresh)))
        };
        let items = [ChecklistItem::BackupMade, ChecklistItem::RestoreTested];
        let is_met = items.into_iter().all(|item| self.is_done_since(item, not_before));
        let found = format!(
            "a backup made: {}; its restoration tried: {}",
            self.when(ChecklistItem::BackupMade),
            self.when(ChecklistItem::RestoreTested)
        );
        let asked = format!("{asked}; `daybook backup` and `daybook restore --verify` record them");
        result(Gate::Backup, if is_met { Finding::Met } else { Finding::NotMet }, found, asked)
    }

    pub(super) fn contacts(&self) -> GateResult {
        let is_met = self.history.checklist.contains_key(&ChecklistItem::ContactsFilled);
        let found = format!("written down: {}", self.when(ChecklistItem::ContactsFilled));
        let asked = "whom to call; `daybook migrate checklist` records it";
        result(Gate::Contacts, if is_met { Finding::Met } else { Finding::NotMet }, found, asked)
    }

    /// An agreement from before a step back is none.
    pub(super) fn approval(&self) -> GateResult {
        let is_met = self.is_done_since(ChecklistItem::CleanupApproved, self.dynamic_since());
        let found = format!("agreed: {}", self.when(ChecklistItem::CleanupApproved));
        let asked = "since the dynamic stage began; `daybook migrate checklist` records it";
        result(Gate::Approval, if is_met { Finding::Met } else { Finding::NotMet }, found, asked)
    }

    /// Since when everybody has been on the dynamic view, where they are.
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
            |record| format!("{} ago", time(passed(self.now - record.recording.at))),
        )
    }
}

fn delta(time: std::time::Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(time).unwrap_or(chrono::TimeDelta::MAX)
}
