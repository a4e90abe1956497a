//! The checklists and contacts, as data and for people.

use daybook_domain::ClinicZone;
use daybook_domain::routing::ChecklistItem;
use daybook_migration::contacts::{self, Contact, Role};
use daybook_migration::{Checklist, ItemDone};
use serde::Serialize;

use crate::output::{Align, Table, timestamp, wrap};

/// The checklist before the migration.
const BEFORE_MIGRATION: [ChecklistItem; 7] = [
    ChecklistItem::BackupMade,
    ChecklistItem::RestoreTested,
    ChecklistItem::StagingMatches,
    ChecklistItem::TeamTrained,
    ChecklistItem::MonitoringReady,
    ChecklistItem::ContactsFilled,
    ChecklistItem::StakeholdersNotified,
];

/// The rest of the checklist before the cleanup is measured.
const MEASURED: &str = "\
Stability, errors and bookings are measured:
daybook migrate check --stage retired";

#[derive(Debug, Serialize)]
pub(super) struct Report {
    before_migration: Vec<ItemReport>,
    before_cleanup: Vec<ItemReport>,
    contacts: Vec<Contact>,
    contacts_missing: Vec<Role>,
}

#[derive(Debug, Serialize)]
struct ItemReport {
    item: ChecklistItem,
    /// The item in the words of the runbook.
    asks: &'static str,
    done: Option<ItemDone>,
    /// The command that does or records it.
    how: &'static str,
}

impl ItemReport {
    fn new(item: ChecklistItem, checklist: &Checklist) -> Self {
        let done = checklist.done.get(&item).cloned();
        Self { item, asks: asks(item), done, how: how_to(item) }
    }
}

impl Report {
    pub(super) fn new(checklist: &Checklist, contacts: Vec<Contact>) -> Self {
        let last_backup = ItemReport {
            item: ChecklistItem::BackupMade,
            asks: "Final backup created since stage dynamic",
            done: checklist.final_backup.clone(),
            how: how_to(ChecklistItem::BackupMade),
        };
        Self {
            before_migration: BEFORE_MIGRATION.iter().map(|item| ItemReport::new(*item, checklist)).collect(),
            before_cleanup: vec![ItemReport::new(ChecklistItem::CleanupApproved, checklist), last_backup],
            contacts_missing: contacts::missing(&contacts),
            contacts,
        }
    }

    pub(super) fn describe(&self, zone: ClinicZone) -> String {
        let mut parts = vec![
            describe_items("Before the migration", &self.before_migration, zone),
            format!("{}\n{MEASURED}", describe_items("Before the cleanup", &self.before_cleanup, zone)),
        ];
        if !self.contacts_missing.is_empty() {
            let missing: Vec<&str> = self.contacts_missing.iter().map(|role| role.as_str()).collect();
            let how = how_to(ChecklistItem::ContactsFilled);
            let missing = format!("Contacts not filled in: {}.\nNext: {how}", missing.join(", "));
            parts.push(wrap(&missing));
        }
        if !self.contacts.is_empty() {
            parts.push(format!("Emergency contacts:\n{}", self.contacts_table()));
        }
        parts.join("\n\n")
    }

    fn contacts_table(&self) -> Table {
        let mut table = Table::new(&[("role", Align::Left), ("name", Align::Left), ("reach", Align::Left)]);
        for contact in &self.contacts {
            let reach = contact.reach.as_deref().unwrap_or_default();
            table.row([contact.role.to_string(), contact.name.to_string(), reach.to_owned()]);
        }
        table
    }
}

/// Items that are not done first, with what the runbook asks for and the command that does or records it.
fn describe_items(list: &str, items: &[ItemReport], zone: ClinicZone) -> String {
    let (done, open): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.done.is_some());
    let mut lines = vec![format!("{list}: {} of {} items are done.", done.len(), items.len())];
    for ItemReport { item, asks, how, .. } in open {
        lines.push(format!("[ ]  {item}: {asks}\n     {how}"));
    }
    for item in done {
        let Some(ItemDone { recorded_at, actor, evidence, .. }) = &item.done else { continue };
        let (item, at) = (item.item, timestamp(zone, *recorded_at));
        lines.push(format!("[x]  {item}: {at} by {actor}\n{}", wrap(&format!("     {evidence}"))));
    }
    lines.join("\n")
}

/// The item in the words of the runbook.
const fn asks(item: ChecklistItem) -> &'static str {
    match item {
        ChecklistItem::BackupMade => "Full database backup created",
        ChecklistItem::RestoreTested => "Backup restore tested successfully",
        ChecklistItem::StagingMatches => "Staging environment matches production",
        ChecklistItem::TeamTrained => "Team trained on rollback procedures",
        ChecklistItem::MonitoringReady => "Monitoring dashboards configured",
        ChecklistItem::ContactsFilled => "Emergency contacts documented",
        ChecklistItem::StakeholdersNotified => "Stakeholders notified of timeline",
        ChecklistItem::CleanupApproved => "Team approval obtained",
    }
}

/// The command that does or records an item.
pub(in crate::cli::migrate) const fn how_to(item: ChecklistItem) -> &'static str {
    match item {
        ChecklistItem::BackupMade => "daybook backup FOLDER",
        ChecklistItem::RestoreTested => "daybook restore FOLDER --verify",
        ChecklistItem::ContactsFilled => "daybook migrate checklist contacts --set ROLE=NAME,REACH",
        ChecklistItem::StagingMatches => "daybook migrate checklist done staging-matches --evidence TEXT",
        ChecklistItem::TeamTrained => "daybook migrate checklist done team-trained --evidence TEXT",
        ChecklistItem::MonitoringReady => "daybook migrate checklist done monitoring-ready --evidence TEXT",
        ChecklistItem::StakeholdersNotified => {
            "daybook migrate checklist done stakeholders-notified --evidence TEXT"
        }
        ChecklistItem::CleanupApproved => "daybook migrate checklist done cleanup-approved --evidence TEXT",
    }
}
