//! `daybook import run`: from a CSV export or from the old system's live database, beside a running service or without one.

use clap::Args;
use daybook_commands::import::{self, Rules};

use super::report::{DryRun, Report, ViewHolds, describe, describe_dry_run};
use super::source::{RulesArguments, Source, SourceArguments};
use crate::exit::Exit;
use crate::output::{Consent, Format};
use crate::settings::Settings;
use crate::view_counts;
use crate::wiring::{Backend, Beginning};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    rules: RulesArguments,
    /// Record nothing, and say what a run would do; it needs no clinic's book yet
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let source = Source::open(arguments.source)?;
    let rules = arguments.rules.read()?;
    if arguments.dry_run {
        return rehearse(settings, source, &rules, arguments.format).await;
    }
    arguments.consent.to(what_it_does(&source)).await?;
    let backend = Backend::open(settings, Beginning::Allowed).await?;
    let engine = backend.start_engine();
    let imported = take_over(&backend, source, &rules).await;
    engine.stop().await;
    backend.close().await?;
    let report = imported?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}

fn what_it_does(source: &Source) -> String {
    format!(
        "This records every reservation of {} that was not imported before. The event log keeps for ever what is \
         recorded.",
        source.name()
    )
}

/// Says what a run would do.
async fn rehearse(
    settings: &Settings,
    source: Source,
    rules: &Rules,
    format: Format,
) -> anyhow::Result<Exit> {
    let backend = Backend::open_if_begun(settings).await?;
    let commands = backend.as_ref().map(|backend| &backend.commands);
    let reckoned = source
        .read("reckoning", async |source, tell| import::rehearse(commands, source, rules, tell).await)
        .await;
    if let Some(backend) = backend {
        backend.close().await?;
    }
    let report = DryRun { dry_run: true, import: reckoned? };
    format.print(&report, || describe_dry_run(&report))?;
    Ok(Exit::Done)
}

/// Imports, and waits until both views hold it.
async fn take_over(backend: &Backend, source: Source, rules: &Rules) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    // The catalog says which service an enum value is; a new clinic has to have one first.
    backend.commands.seed().await?;
    backend.rebuild().missing().await?;
    let commands = &backend.commands;
    let import = source
        .read("importing", async |source, tell| import::import(commands, source, rules, tell).await)
        .await?;
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
    Ok(Report { import, views })
}
