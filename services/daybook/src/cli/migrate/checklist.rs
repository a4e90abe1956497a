//! `daybook migrate checklist`: the checklists before the migration and before the cleanup, and the emergency contacts.
//!
//! Nobody can tick an item by hand that Daybook records itself. Names and numbers of contacts must never reach the log, which
//! cannot forget them: it records only that they are filled in.

mod report;

use clap::{Args, Subcommand};
use daybook_domain::routing::ChecklistItem;
use daybook_domain::value;
use daybook_migration::checklist;
use daybook_migration::contacts::{self, Role, UnknownRole};

use crate::cli::backup::record;
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};
use report::Report;
pub(super) use report::how_to;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    format: Format,
}

#[derive(Subcommand)]
enum Action {
    /// Show the items with time, author and evidence, and the emergency contacts
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Record an item that Daybook cannot see itself as done
    Done(DoneArguments),
    /// Set emergency contacts; without --set, show them
    Contacts(ContactsArguments),
}

#[derive(Args)]
struct DoneArguments {
    /// The item, such as team-trained
    #[arg(value_name = "ITEM")]
    item: ChecklistItem,
    /// Evidence, such as the date of the drill. It is recorded for good: write no patient's name and no phone number here
    #[arg(long, value_name = "TEXT")]
    evidence: String,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
struct ContactsArguments {
    /// A contact: role, name, and for a person how to reach them, such as database-admin=Kim,02-123-4567
    #[arg(long = "set", value_name = "ROLE=NAME,REACH", value_parser = parse_entry)]
    entries: Vec<Entry>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) const TWO_KINDS: &str = "\
Daybook itself records that a backup was made (`daybook backup`), that a backup was verified (`daybook restore --verify`) and \
that the contacts are filled in. `done` records the other items, with evidence.

Roles: database-admin, application-owner, backup-location, rollback-authority and, optionally, maintenance-window. \
database-admin and application-owner need a number. Contacts are kept in a table and not in the log, so that a replaced \
contact is gone.";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    role: Role,
    name: String,
    reach: Option<String>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    match arguments.action {
        None => show(settings, arguments.format).await,
        Some(Action::List { format }) => show(settings, format).await,
        Some(Action::Done(arguments)) => mark_done(settings, arguments).await,
        Some(Action::Contacts(arguments)) if arguments.entries.is_empty() => {
            show(settings, arguments.format).await
        }
        Some(Action::Contacts(arguments)) => set_contacts(settings, arguments).await,
    }
}

async fn show(settings: &Settings, format: Format) -> anyhow::Result<Exit> {
    let report = with_backend(settings, IfMissing::Refused, async |backend| read(backend).await).await?;
    format.print(&report, || report.describe(settings.zone))?;
    Ok(Exit::Done)
}

async fn read(backend: &Backend) -> anyhow::Result<Report> {
    let contacts = contacts::list(&backend.pool.get().await?).await?;
    Ok(Report::new(&checklist(&*backend.log).await?, contacts))
}

async fn mark_done(settings: &Settings, arguments: DoneArguments) -> anyhow::Result<Exit> {
    let DoneArguments { item, evidence, confirmation, format } = arguments;
    if item.is_detected() {
        let how = report::how_to(item);
        return Err(UsageError(format!("{item} cannot be recorded by hand: `{how}` records it")).into());
    }
    UsageError::check_text("--evidence", &evidence, value::EVIDENCE)?;
    confirmation
        .require(format!("This records {item} as done. The event log keeps the record for good."))
        .await?;
    let report = with_backend(settings, IfMissing::Refused, async |backend| {
        record_done(backend, item, evidence).await
    })
    .await?;
    format.print(&report, || report.describe(settings.zone))?;
    Ok(Exit::Done)
}

async fn record_done(backend: &Backend, item: ChecklistItem, evidence: String) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    record(backend, item, evidence.trim().to_owned()).await?;
    read(backend).await
}

async fn set_contacts(settings: &Settings, arguments: ContactsArguments) -> anyhow::Result<Exit> {
    let ContactsArguments { entries, confirmation, format } = arguments;
    let roles: Vec<&str> = entries.iter().map(|entry| entry.role.as_str()).collect();
    confirmation.require(format!("This replaces these contacts: {}.", roles.join(", "))).await?;
    let report =
        with_backend(settings, IfMissing::Refused, async |backend| store_contacts(backend, &entries).await)
            .await?;
    format.print(&report, || report.describe(settings.zone))?;
    Ok(Exit::Done)
}

/// Stores all entries in one transaction. Once no required contact is missing, it records that.
async fn store_contacts(backend: &Backend, entries: &[Entry]) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    let mut client = backend.pool.get().await?;
    let transaction = client.transaction().await?;
    for entry in entries {
        contacts::set(&transaction, entry.role, &entry.name, entry.reach.as_deref()).await?;
    }
    let missing = contacts::missing(&contacts::list(&transaction).await?);
    transaction.commit().await?;
    drop(client);
    if missing.is_empty() {
        let required = Role::required().count();
        record(backend, ChecklistItem::ContactsFilled, format!("{required} of {required} required")).await?;
    }
    read(backend).await
}

/// Parses `ROLE=NAME,REACH`. A place or a time may contain commas.
fn parse_entry(text: &str) -> Result<Entry, String> {
    let (role, rest) = text.split_once('=').ok_or("use ROLE=NAME,REACH")?;
    let role: Role = role.trim().parse().map_err(|error: UnknownRole| error.to_string())?;
    let (name, reach) = match rest.rsplit_once(',') {
        Some((name, reach)) if role.is_person() => (name, Some(reach.trim().to_owned())),
        Some(_) | None => (rest, None),
    };
    let name = name.trim().to_owned();
    let reach = reach.filter(|reach| !reach.is_empty());
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    for text in [Some(&name), reach.as_ref()].into_iter().flatten() {
        value::CONTACT.check(text).map_err(|range| format!("a contact has {range}"))?;
    }
    if role.needs_reach() && reach.is_none() {
        return Err(format!("{role} needs a way to be reached: {role}=NAME,NUMBER"));
    }
    Ok(Entry { role, name, reach })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_entry_names_a_role_and_for_a_person_how_to_reach_them() {
        let entry = |role, name: &str, reach: Option<&str>| {
            Ok(Entry { role, name: name.to_owned(), reach: reach.map(str::to_owned) })
        };
        let kim = parse_entry("database-admin= Kim, Minji , 02-123-4567");
        assert_eq!(kim, entry(Role::DatabaseAdmin, "Kim, Minji", Some("02-123-4567")));
        let place = parse_entry("backup-location=nas-2, shelf 3");
        assert_eq!(place, entry(Role::BackupLocation, "nas-2, shelf 3", None));
        assert_eq!(
            parse_entry("rollback-authority=Dr. Lee"),
            entry(Role::RollbackAuthority, "Dr. Lee", None)
        );
        for wrong in [
            "database-admin",
            "database-admin=",
            "database-admin=Kim",
            "boss=Kim,1",
            "application-owner=,1",
            "database-admin=\u{200b},1",
            "database-admin=Kim,\u{1b}1",
        ] {
            assert!(parse_entry(wrong).is_err(), "{wrong}");
        }
    }
}
