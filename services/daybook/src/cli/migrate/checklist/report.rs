//! The checklists as they are shown.

use daybook_domain::routing::ChecklistItem;
use daybook_migration::contacts::{self, Contact, Role};
use daybook_migration::{Checklist, ItemDone};
use serde::Serialize;

use crate::output::{Align, Table};

/// Asked for before anything begins.
const BEFORE_MIGRATION: [ChecklistItem; 7] = [
    ChecklistItem::BackupMade,
    ChecklistItem::RestoreTested,
    ChecklistItem::StagingMatches,
    ChecklistItem::TeamTrained,
    ChecklistItem::MonitoringReady,
    ChecklistItem::ContactsFilled,
    ChecklistItem::StakeholdersNotified,
];

/// What measures the rest of the list before the cleanup.
const MEASURED: &str = "\
How long the last stage has been steady, errors, and bookings are measured: `daybook migrate check --stage retired` shows \
them.";

/// Both lists and the contacts.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    before_migration: Vec<Line>,
    before_cleanup: Vec<Line>,
    contacts: Vec<Contact>,
    contacts_missing: Vec<Role>,
}

/// An item.
#[derive(Debug, Serialize)]
struct Line {
    item: ChecklistItem,
    /// As the runbook asks for it.
    asks: &'static str,
    done: Option<ItemDone>,
    /// The command that does or records it.
    how: &'static str,
}

impl Line {
    fn of(item: ChecklistItem, checklist: &Checklist) -> Self {
        let done = checklist.done.get(&item).cloned();
        Self { item, asks: asks(item), done, how: how_to(item) }
    }
}

impl Report {
    pub(super) fn of(checklist: &Checklist, contacts: Vec<Contact>) -> Self {
        let last_backup = Line {
            item: ChecklistItem::BackupMade,
            asks: "Final backup created, since the dynamic view answers everybody",
            done: checklist.final_backup.clone(),
            how: how_to(ChecklistItem::BackupMade),
        };
        Self {
            before_migration: BEFORE_MIGRATION.iter().map(|item| Line::of(*item, checklist)).collect(),
            before_cleanup: vec![Line::of(ChecklistItem::CleanupApproved, checklist), last_backup],
            contacts_missing: contacts::missing(&contacts),
            contacts,
        }
    }

    pub(super) fn describe(&self) -> String {
        let mut parts = vec![
            format!("Before the migration:\n{}", table(&self.before_migration)),
            format!("Before the cleanup:\n{}{MEASURED}", table(&self.before_cleanup)),
            format!("In an emergency:\n{}", self.contacts_table()),
        ];
        if !self.contacts_missing.is_empty() {
            let missing: Vec<&str> = self.contacts_missing.iter().map(|role| role.as_str()).collect();
            parts.push(format!(
                "Not filled in: {}. `{}` fills them in.",
                missing.join(", "),
                how_to(ChecklistItem::ContactsFilled)
            ));
        }
        parts.join("\n")
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

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("item", Align::Left),
        ("done", Align::Left),
        ("by", Align::Left),
        ("evidence, or what does it", Align::Left),
    ]);
    for line in lines {
        let (when, by, shows) = match &line.done {
            Some(done) => {
                let when = done.recorded_at.format("%Y-%m-%d %H:%MZ").to_string();
                (when, done.actor.clone(), done.evidence.to_string())
            }
            None => ("no".to_owned(), String::new(), format!("{}: `{}`", line.asks, line.how)),
        };
        let mark = if line.done.is_some() { "[x]" } else { "[ ]" };
        table.row([mark.to_owned(), line.item.to_string(), when, by, shows]);
    }
    table
}

/// The runbook's words.
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

/// The command that does an item, or records it.
pub(super) const fn how_to(item: ChecklistItem) -> &'static str {
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
