//! `daybook import resolve`: decides about a row that an import cannot reconcile by itself, and lists what was decided.
//!
//! It must never show the contents of a row.

use clap::{Args, Subcommand};
use daybook_domain::{ClinicZone, value};
use daybook_migration::import::resolution::{self, Decision, OpenItem, Resolution, Resolutions, RowKey};
use daybook_migration::import::{ImportReport, ImportRun};
use serde::Serialize;

use super::source::{ReadingArguments, RulesArguments, Source, SourceArguments, spelled};
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Align, Confirmation, Format, Table, printable, timestamp};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator, with_backend};

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Keep what Daybook has, or do not take a rejected row
    Decide(Arguments),
    /// List the decisions
    List(ListArguments),
    /// Withdraw a decision: the row is open again
    Withdraw(WithdrawArguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Decide(arguments) => decide(settings, arguments).await,
        Command::List(arguments) => list(settings, arguments).await,
        Command::Withdraw(arguments) => withdraw(settings, arguments).await,
    }
}

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Id of the reservation, as the final run lists it or as it is in the row. A row without an id of its own has a mark
    /// such as row:9f86d081884c7d65, which every run lists
    #[arg(value_name = "ID", value_parser = parse_key)]
    reservation: RowKey,
    #[command(flatten)]
    decision: DecisionArguments,
    /// Reason; it is recorded with the decision. Write no patient's name here
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    reading: ReadingArguments,
    #[command(flatten)]
    rules: RulesArguments,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct DecisionArguments {
    /// Keep what Daybook has, also in a run in which the old system wins: the row was changed in both systems, or the old
    /// system no longer has it
    #[arg(long)]
    keep_ours: bool,
    /// Do not take the row: it was rejected. If it was imported before, Daybook keeps what it took then
    #[arg(long)]
    leave_out: bool,
}

#[derive(Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
pub(in crate::cli) struct WithdrawArguments {
    /// Id of the reservation, or mark of the row
    #[arg(value_name = "ID", value_parser = parse_key)]
    reservation: RowKey,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

fn parse_key(text: &str) -> Result<RowKey, String> {
    RowKey::parse(text)
        .ok_or_else(|| "use the id of a row, or a mark such as row:9f86d081884c7d65".to_owned())
}

#[derive(Serialize)]
struct Resolved {
    reservation: RowKey,
    decision: Decision,
}

async fn decide(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { reservation, decision, reason, source, reading, rules, confirmation, format } = arguments;
    UsageError::check_text("--reason", &reason, value::ROUTING_REASON)?;
    let decision = if decision.keep_ours { Decision::KeepOurs } else { Decision::LeaveOut };
    let options = spelled(&source, &reading, &rules);
    let source = Source::open(source, &reading)?;
    let (rules, region, dates) = (rules.read()?, settings.region, reading.dates(settings.zone));
    let run = ImportRun { reconcile: true, rules, region, dates, ..ImportRun::default() };
    let what = match decision {
        Decision::KeepOurs => "keeps what Daybook has",
        Decision::LeaveOut => {
            "does not take the row, and keeps what Daybook may have of it from an earlier import,"
        }
    };
    confirmation
        .require(format!("This {what} for {reservation}. The next final run counts it as decided."))
        .await?;
    let chosen = Resolved { reservation, decision };
    with_backend(settings, IfMissing::Refused, async |backend| {
        resolve(backend, &chosen, &reason, run, source, &options).await
    })
    .await?;
    format.print(&chosen, || {
        format!(
            "Decided for {}: {}. If the row changes, it is open again.\n\
             Next: daybook import run {options} --final",
            chosen.reservation,
            decision.as_str()
        )
    })?;
    Ok(Exit::Done)
}

/// Looks up in the source what is open, so that the decision is about exactly that.
async fn resolve(
    backend: &Backend,
    chosen: &Resolved,
    reason: &str,
    run: ImportRun,
    source: Source,
    options: &str,
) -> anyhow::Result<()> {
    let run = ImportRun { resolutions: recorded_resolutions(Some(backend)).await?, ..run };
    let report = source
        .read("comparing", async |source, report_progress| {
            run.rehearse(Some(&backend.commands), source, report_progress).await
        })
        .await?;
    let id = &chosen.reservation;
    let Some(item) = open_item(&report, id) else {
        let fault = format!(
            "nothing is open about {id}; `daybook import run {options} --final --dry-run` lists what is, with the marks of rows \
             without an id of their own"
        );
        return Err(UsageError(fault).into());
    };
    let fitting = item.fitting();
    if fitting != chosen.decision {
        let fault = format!("{id} is {}; use --{}", item.describe(), fitting.as_str());
        return Err(UsageError(fault).into());
    }
    let client = backend.pool.get().await?;
    Ok(resolution::record(&client, id, &item, reason, &operator()).await?)
}

fn open_item(report: &ImportReport, row: &RowKey) -> Option<OpenItem> {
    let missing = report.reconciliation.iter().flat_map(|account| &account.only_in_daybook.list);
    let is_missing = missing.into_iter().any(|listed| listed.reservation.as_str() == row.as_str());
    report.open_items.get(row).cloned().or(is_missing.then_some(OpenItem::Missing))
}

async fn list(settings: &Settings, arguments: ListArguments) -> anyhow::Result<Exit> {
    let resolutions = with_backend(settings, IfMissing::Refused, async |backend| {
        Ok(Resolutions::read(&backend.pool.get().await?).await?)
    })
    .await?;
    let listed = resolutions.list();
    arguments.format.print(&listed, || describe(&listed, settings.zone))?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Withdrawn {
    reservation: RowKey,
    /// Whether there was a decision.
    withdrawn: bool,
}

async fn withdraw(settings: &Settings, arguments: WithdrawArguments) -> anyhow::Result<Exit> {
    let WithdrawArguments { reservation, confirmation, format } = arguments;
    let what =
        format!("This withdraws the decision about {reservation}. The next final run lists it as open.");
    confirmation.require(what).await?;
    let withdrawn = with_backend(settings, IfMissing::Refused, async |backend| {
        Ok(resolution::withdraw(&backend.pool.get().await?, &reservation).await?)
    })
    .await?;
    let result = Withdrawn { reservation, withdrawn };
    format.print(&result, || {
        let outcome = if withdrawn { "The decision is withdrawn" } else { "No decision is recorded" };
        format!("{outcome}: {}.", result.reservation)
    })?;
    Ok(if withdrawn { Exit::Done } else { Exit::Failed })
}

/// The recorded decisions; none for a new clinic.
pub(super) async fn recorded_resolutions(backend: Option<&Backend>) -> anyhow::Result<Resolutions> {
    let Some(backend) = backend else { return Ok(Resolutions::default()) };
    Ok(Resolutions::read(&backend.pool.get().await?).await?)
}

fn describe(listed: &[&Resolution], zone: ClinicZone) -> String {
    if listed.is_empty() {
        return "No decision about a row is recorded.".to_owned();
    }
    let columns = ["row", "was", "decision", "by", "at", "reason"];
    let mut table = Table::new(&columns.map(|column| (column, Align::Left)));
    for resolution in listed {
        table.row([
            resolution.reservation.to_string(),
            resolution.item.describe().to_owned(),
            resolution.decision.as_str().to_owned(),
            printable(&resolution.actor),
            timestamp(zone, resolution.decided_at),
            printable(&resolution.reason),
        ]);
    }
    table.to_string()
}
