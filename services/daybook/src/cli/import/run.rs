//! `daybook import run`: from a CSV export or from the old system's live database, beside a running service or without one.

use chrono::{DateTime, NaiveDateTime, Utc};
use clap::Args;
use daybook_migration::import::ImportRun;
use daybook_migration::import::{ImportReport, Reconciliation};

use super::report::{DryRun, Report, ViewHolds, describe, describe_dry_run};
use super::source::{RulesArguments, Source, SourceArguments};
use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::view_counts;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    /// Only rows that have changed since this time, such as 2026-11-20T03:00:00Z; each run says what to give the next. A row
    /// that was changed by hand without its `updatedAt` is not seen
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<DateTime<Utc>>,
    /// Where a reservation was changed in the old system and here, take what the old system says
    #[arg(long)]
    old_wins: bool,
    /// The last run, of the whole source: account for every row at the end, and fail where something is left to look at
    #[arg(long = "final", conflicts_with = "since")]
    is_final: bool,
    #[command(flatten)]
    rules: RulesArguments,
    /// Record nothing, and say what a run would do; it needs no clinic's book yet
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

fn parse_since(text: &str) -> Result<DateTime<Utc>, String> {
    let instant = text.parse().ok();
    // As the old system writes it: UTC without a zone.
    let plain = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(|at| at.and_utc());
    instant.or_else(plain).ok_or_else(|| "write a time such as 2026-11-20T03:00:00Z".to_owned())
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { source, since, old_wins, is_final, rules, dry_run, consent, format } = arguments;
    let takeover = ImportRun { since, old_wins, reconcile: is_final, rules: rules.read()? };
    let source = Source::open(source)?;
    if dry_run {
        return rehearse(settings, source, &takeover, format).await;
    }
    consent.to(what_it_does(&source, &takeover)).await?;
    let backend = Backend::open(settings, IfMissing::Allowed).await?;
    let engine = backend.start_engine();
    let imported = import(&backend, source, &takeover).await;
    engine.stop().await;
    backend.close().await?;
    let report = imported?;
    format.print(&report, || describe(&report))?;
    Ok(exit(report.is_clean))
}

fn what_it_does(source: &Source, takeover: &ImportRun) -> String {
    let which = match takeover.since {
        Some(since) => format!(" since {}", since.to_rfc3339()),
        None => String::new(),
    };
    let conflicts = match takeover.old_wins {
        true => "Where it was changed here too, what was done here is OVERRULED.",
        false => "Where it was changed here too, it stays as it is here and is listed.",
    };
    format!(
        "This records every reservation of {} that is new or has changed there{which} since it was last imported. \
         {conflicts} The event log keeps for ever what is recorded.",
        source.name()
    )
}

/// Whether every row is accounted for and nothing is left to look at; none where that was not asked for.
fn is_clean(import: &ImportReport) -> Option<bool> {
    import.reconciliation.as_ref().map(Reconciliation::is_clean)
}

fn exit(is_clean: Option<bool>) -> Exit {
    if is_clean == Some(false) { Exit::Failed } else { Exit::Done }
}

/// Says what a run would do, and ends as it would end.
async fn rehearse(
    settings: &Settings,
    source: Source,
    takeover: &ImportRun,
    format: Format,
) -> anyhow::Result<Exit> {
    let backend = Backend::open_if_begun(settings).await?;
    let commands = backend.as_ref().map(|backend| &backend.commands);
    let reckoned =
        source.read("reckoning", async |source, tell| takeover.rehearse(commands, source, tell).await).await;
    if let Some(backend) = backend {
        backend.close().await?;
    }
    let import = reckoned?;
    let report = DryRun { dry_run: true, is_clean: is_clean(&import), import };
    format.print(&report, || describe_dry_run(&report))?;
    Ok(exit(report.is_clean))
}

/// Imports, and waits until both views hold it.
async fn import(backend: &Backend, source: Source, takeover: &ImportRun) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    // The catalog says which service an enum value is; a new clinic has to have one first.
    backend.commands.seed().await?;
    backend.rebuild().missing().await?;
    let commands = &backend.commands;
    let import =
        source.read("importing", async |source, tell| takeover.run(commands, source, tell).await).await?;
    let position = match import.position {
        Some(position) => position,
        None => backend.log.head().await?,
    };
    let mut views = Vec::new();
    for standing in backend.views_at(position).await? {
        let generation = standing.generation;
        let counts = view_counts::count(&backend.pool.get().await?, generation).await?;
        views.extend(counts.map(|counts| ViewHolds { generation, counts }));
    }
    Ok(Report { is_clean: is_clean(&import), import, views })
}
