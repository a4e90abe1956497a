//! `daybook migrate checklist`: the lists before a migration and before the cleanup, and whom to call in an emergency.
//!
//! What Daybook sees by itself nobody ticks by hand. Names and numbers of contacts never go into the log, which keeps for
//! ever: it is told only that they are filled in.

mod report;

use clap::{Args, Subcommand};
use daybook_domain::routing::{ChecklistItem, RoutingRejection};
use daybook_migration::checklist;
use daybook_migration::contacts::{self, Role, UnknownRole};

use crate::cli::backup::record;
use crate::exit::Exit;
use crate::failure::UsageError;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};
use report::Report;

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
    /// Show what is done, when, by whom and what shows it, and whom to call
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Record that an item was done which Daybook cannot see by itself
    Done(DoneArguments),
    /// Fill in whom to call in an emergency; without --set, show it
    Contacts(ContactsArguments),
}

#[derive(Args)]
struct DoneArguments {
    /// Which, such as team-trained
    #[arg(value_name = "ITEM")]
    item: ChecklistItem,
    /// What shows it, such as the date of the drill; it is kept for ever. Write no patient's name and no phone number here
    #[arg(long, value_name = "TEXT")]
    evidence: String,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
struct ContactsArguments {
    /// An entry: a role, a name, and for a person how to reach them, such as database-admin=Kim,02-123-4567
    #[arg(long = "set", value_name = "ROLE=NAME,REACH", value_parser = parse_entry)]
    entries: Vec<Entry>,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

/// What is ticked by whom.
pub(super) const TWO_KINDS: &str = "\
Daybook sees by itself that a backup was made (`daybook backup`), that one was restored (`daybook restore --verify`) and that \
the contacts are filled in; the other items are recorded by `done`, with what shows it.

Roles: database-admin, application-owner, backup-location, rollback-authority; maintenance-window may be left out. The \
database administrator and the application's owner need a number. Contacts are kept in a table, which forgets what is \
replaced, and not in the log.";

/// An entry as it was written.
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
        Some(Action::Done(arguments)) => tick(settings, arguments).await,
        Some(Action::Contacts(arguments)) if arguments.entries.is_empty() => {
            show(settings, arguments.format).await
        }
        Some(Action::Contacts(arguments)) => fill_in(settings, arguments).await,
    }
}

async fn show(settings: &Settings, format: Format) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let report = look(&backend).await;
    backend.close().await?;
    let report = report?;
    format.print(&report, || report.describe())?;
    Ok(Exit::Done)
}

async fn look(backend: &Backend) -> anyhow::Result<Report> {
    let contacts = contacts::list(&backend.pool.get().await?).await?;
    Ok(Report::of(&checklist(&*backend.log).await?, contacts))
}

async fn tick(settings: &Settings, arguments: DoneArguments) -> anyhow::Result<Exit> {
    let DoneArguments { item, evidence, consent, format } = arguments;
    if item.is_seen() {
        let how = report::how_to(item);
        return Err(UsageError(format!("{item} is not taken on anybody's word: {how} records it")).into());
    }
    if evidence.trim().is_empty() {
        return Err(UsageError(format!("--evidence: {}", RoutingRejection::ReasonMissing)).into());
    }
    consent.to(format!("This records that {item} was done. The event log keeps it for ever.")).await?;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let recorded = tick_on(&backend, item, evidence).await;
    backend.close().await?;
    let report = recorded?;
    format.print(&report, || report.describe())?;
    Ok(Exit::Done)
}

async fn tick_on(backend: &Backend, item: ChecklistItem, evidence: String) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    record(backend, item, evidence.trim().to_owned()).await?;
    look(backend).await
}

async fn fill_in(settings: &Settings, arguments: ContactsArguments) -> anyhow::Result<Exit> {
    let ContactsArguments { entries, consent, format } = arguments;
    let roles: Vec<&str> = entries.iter().map(|entry| entry.role.as_str()).collect();
    consent.to(format!("This fills in, in place of what is there: {}.", roles.join(", "))).await?;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let filled = fill_in_on(&backend, &entries).await;
    backend.close().await?;
    let report = filled?;
    format.print(&report, || report.describe())?;
    Ok(Exit::Done)
}

/// Writes the entries together, and records it once all that is required is there.
async fn fill_in_on(backend: &Backend, entries: &[Entry]) -> anyhow::Result<Report> {
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
    look(backend).await
}

/// Reads `ROLE=NAME,REACH`. A place and a time are taken whole, commas and all.
fn parse_entry(text: &str) -> Result<Entry, String> {
    let (role, rest) = text.split_once('=').ok_or("write ROLE=NAME,REACH")?;
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
        for wrong in
            ["database-admin", "database-admin=", "database-admin=Kim", "boss=Kim,1", "application-owner=,1"]
        {
            assert!(parse_entry(wrong).is_err(), "{wrong}");
        }
    }
}
