//! `daybook import run`: from a CSV export or from the old system's live database, beside a running service or without one.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Context;
use chrono::{DateTime, NaiveDateTime, Utc};
use clap::Args;
use daybook_commands::import::{Progress, Reconciliation};
use daybook_commands::{ImportReport, Takeover};

use super::report::{Report, ViewHolds, describe};
use crate::exit::Exit;
use crate::output::{Consent, Format, Meter};
use crate::settings::{Settings, parse_connection};
use crate::view_counts;
use crate::wiring::{Backend, Beginning};

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
    consent: Consent,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct SourceArguments {
    /// Export of the old table `reservations`: a line with the names of its columns, then one reservation a record
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// The old system's live PostgreSQL, which is only read
    #[arg(long, value_name = "URL")]
    from: Option<String>,
}

/// Where reservations come from.
enum Source {
    Csv { file: File, path: PathBuf, size_bytes: u64 },
    Postgres(Box<tokio_postgres::Config>),
}

impl Source {
    fn open(arguments: SourceArguments) -> anyhow::Result<Self> {
        let Some(path) = arguments.csv else {
            let url = arguments.from.unwrap_or_default();
            return Ok(Self::Postgres(Box::new(parse_connection("--from", &url)?)));
        };
        let opened = File::open(&path).and_then(|file| file.metadata().map(|found| (file, found)));
        let (file, found) = opened.with_context(|| format!("cannot read `{}` (--csv)", path.display()))?;
        Ok(Self::Csv { file, path, size_bytes: found.len() })
    }

    fn describe(&self, takeover: &Takeover) -> String {
        let source = match self {
            Self::Csv { path, .. } => format!("`{}`", path.display()),
            Self::Postgres(config) => {
                format!("the database `{}`", config.get_dbname().unwrap_or("(unnamed)"))
            }
        };
        let which = match takeover.since {
            Some(since) => format!(" since {}", since.to_rfc3339()),
            None => String::new(),
        };
        let conflicts = match takeover.old_wins {
            true => "Where it was changed here too, what was done here is OVERRULED.",
            false => "Where it was changed here too, it stays as it is here and is listed.",
        };
        format!(
            "This records every reservation of {source} that is new or has changed there{which} since it was last imported. \
             {conflicts} The event log keeps for ever what is recorded."
        )
    }

    async fn import(self, backend: &Backend, takeover: &Takeover) -> anyhow::Result<ImportReport> {
        let meter = Meter::new("rows");
        let tell = |progress: Progress, done: Option<u64>, all: Option<u64>| {
            let fraction = done.zip(all).map(|(done, all)| done as f64 / all.max(1) as f64);
            meter.tell("importing", progress.rows, fraction);
        };
        let report = match self {
            Self::Csv { file, size_bytes, .. } => {
                let tell = |progress: Progress| tell(progress, progress.source_bytes, Some(size_bytes));
                takeover.csv(&backend.commands, file, &tell).await?
            }
            Self::Postgres(config) => {
                let tell = |progress: Progress| tell(progress, Some(progress.rows), progress.rows_total);
                takeover.postgres(&backend.commands, *config, &tell).await.context("--from")?
            }
        };
        Ok(report)
    }
}

fn parse_since(text: &str) -> Result<DateTime<Utc>, String> {
    let instant = text.parse().ok();
    // As the old system writes it: UTC without a zone.
    let plain = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(|at| at.and_utc());
    instant.or_else(plain).ok_or_else(|| "write a time such as 2026-11-20T03:00:00Z".to_owned())
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { source, since, old_wins, is_final, consent, format } = arguments;
    let takeover = Takeover { since, old_wins, reconcile: is_final };
    let source = Source::open(source)?;
    consent.to(source.describe(&takeover)).await?;
    let backend = Backend::open(settings, Beginning::Allowed).await?;
    let engine = backend.start_engine();
    let imported = import(&backend, source, &takeover).await;
    engine.stop().await;
    backend.close().await?;
    let report = imported?;
    format.print(&report, || describe(&report))?;
    Ok(if report.is_clean == Some(false) { Exit::Failed } else { Exit::Done })
}

/// Imports, and waits until both views hold it.
async fn import(backend: &Backend, source: Source, takeover: &Takeover) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    // The catalog says which service an enum value is; a new clinic has to have one first.
    backend.commands.seed().await?;
    backend.rebuild().missing().await?;
    let import = source.import(backend, takeover).await?;
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
    let is_clean = import.reconciliation.as_ref().map(Reconciliation::is_clean);
    Ok(Report { import, is_clean, views })
}
