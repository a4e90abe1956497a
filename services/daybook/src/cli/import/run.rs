//! `daybook import run`: imports from a CSV export or the live database of the old system, with or without a running service.

use chrono::{DateTime, NaiveDateTime, Utc};
use clap::Args;
use daybook_migration::import::ImportRun;
use daybook_migration::import::{ImportReport, Reconciliation};

use super::report::{DryRun, Report, ViewHolds, describe, describe_dry_run, exit};
use super::resolve::recorded_resolutions;
use super::source::{ReadingArguments, RulesArguments, Source, SourceArguments, spelled};
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::row_counts::RowCounts;
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend_if_begun, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Only rows changed since this time, such as 2026-11-20T03:00:00Z. Each run prints the value for the next. A row whose
    /// `updatedAt` was not set is missed
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<DateTime<Utc>>,
    /// If a reservation was changed in both systems, take the version of the old system, unless `daybook import resolve` decided
    /// about that row
    #[arg(long)]
    old_wins: bool,
    /// The final run, over the whole source: reconcile every row, and exit with code 1 if anything is open
    #[arg(long = "final", conflicts_with = "since")]
    is_final: bool,
    #[command(flatten)]
    rules: RulesArguments,
    /// Record nothing and print what a run would do; works without a database
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

fn parse_since(text: &str) -> Result<DateTime<Utc>, String> {
    let instant = text.parse().ok();
    // The old system writes UTC without a zone.
    let plain = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(|at| at.and_utc());
    instant.or_else(plain).ok_or_else(|| "use a time such as 2026-11-20T03:00:00Z".to_owned())
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { source, reading, since, old_wins, is_final, rules, dry_run, confirmation, format } =
        arguments;
    let options = spelled(&source, &reading, &rules);
    let (rules, region, dates) = (rules.read()?, settings.region, reading.dates(settings.zone));
    let import_run =
        ImportRun { since, old_wins, reconcile: is_final, rules, region, dates, ..ImportRun::default() };
    if since.is_some_and(|since| since > Utc::now()) {
        let fault = "--since is in the future, so every row would be passed over; use the time that the last run printed";
        return Err(UsageError(fault.to_owned()).into());
    }
    let source = Source::open(source, &reading)?;
    if dry_run {
        return preview(settings, source, import_run, &options, format).await;
    }
    confirmation.require(describe_change(&source, &import_run)).await?;
    let report =
        with_engine(settings, IfMissing::Allowed, async |backend| import(backend, source, import_run).await)
            .await?;
    format.print(&report, || describe(&report, &options))?;
    Ok(exit(&report.import, report.is_clean))
}

fn describe_change(source: &Source, import_run: &ImportRun) -> String {
    let since = match import_run.since {
        Some(since) => format!(" since {}", since.to_rfc3339()),
        None => String::new(),
    };
    let conflicts = match import_run.old_wins {
        true => {
            "Where it was changed in Daybook too, the old system WINS, except for rows decided with \
             `daybook import resolve`."
        }
        false => "Where it was changed in Daybook too, Daybook's version stays and the conflict is listed.",
    };
    format!(
        "This imports every reservation of {} that is new or was changed there{since} after the last import. {conflicts} \
         Recorded events cannot be removed.",
        source.name()
    )
}

/// Whether every row is reconciled and nothing is open; none without `--final`.
fn is_clean(import: &ImportReport) -> Option<bool> {
    import.reconciliation.as_ref().map(Reconciliation::is_clean)
}

/// Reports what a run would do, with the exit code that it would have.
async fn preview(
    settings: &Settings,
    source: Source,
    import_run: ImportRun,
    options: &str,
    format: Format,
) -> anyhow::Result<Exit> {
    let import = with_backend_if_begun(settings, async |backend| {
        let commands = backend.map(|backend| &backend.commands);
        let import_run = ImportRun { resolutions: recorded_resolutions(backend).await?, ..import_run };
        source
            .read("counting", async |source, report_progress| {
                import_run.rehearse(commands, source, report_progress).await
            })
            .await
    })
    .await?;
    let report = DryRun { dry_run: true, is_clean: is_clean(&import), import };
    format.print(&report, || describe_dry_run(&report, options))?;
    Ok(exit(&report.import, report.is_clean))
}

/// Imports, and waits until both views show the result.
async fn import(backend: &Backend, source: Source, import_run: ImportRun) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    // The catalog maps enum values to services, so a new clinic needs one first.
    backend.commands.seed().await?;
    backend.rebuild().missing().await?;
    let commands = &backend.commands;
    let import_run = ImportRun { resolutions: recorded_resolutions(Some(backend)).await?, ..import_run };
    let import = source
        .read("importing", async |source, report_progress| {
            import_run.run(commands, source, report_progress).await
        })
        .await?;
    let position = match import.position {
        Some(position) => position,
        None => backend.log.head().await?,
    };
    let mut views = Vec::new();
    for status in backend.views_at(position).await? {
        let generation = status.generation;
        let counts = RowCounts::read(&backend.pool.get().await?, generation).await?;
        let parked = status.parked;
        views.extend(counts.map(|counts| ViewHolds { generation, counts, parked }));
    }
    let is_complete = views.iter().all(|view| view.parked == 0);
    Ok(Report { is_clean: is_clean(&import).map(|is_clean| is_clean && is_complete), import, views })
}
