//! `daybook migrate rehearse`: the whole migration at speed, on a copy of the log in a scratch database, and what came of it.
//!
//! The live log and the live views are read for the copy and never written to; the scratch database is dropped however this
//! ends.

mod copying;
mod report;

use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use daybook_event_log::Position;
use daybook_migration::rehearsal::{self, Load, RehearsalProgress, Report, ScratchParts};
use serde::Serialize;

use crate::cli::projection::show_rebuild_progress;
use crate::cli::signals::Signals;
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Format, ProgressBar};
use crate::settings::Settings;
use crate::wiring::{
    Backend, IfMissing, Purpose, Restored, RunningEngine, Scratch, operator_now, with_backend,
};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Reads in each stage, and as many on each way back; one in ten comes with a booking of an invented patient
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    traffic: u64,
    /// Readers at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    readers: u8,
    #[command(flatten)]
    format: Format,
}

/// What it does and does not.
pub(super) const ON_A_COPY: &str = "\
The log and the keys are copied into a scratch database of the same server, both views are built there, and the migration goes \
through all its stages: reads of reservations, days and patients that are there, bookings of invented patients, and from every \
stage the way back to legacy; after cleanup the legacy view is built again. Gates are measured and told, not asked, and no time \
has to pass. The live log and views are not touched; the account has to be allowed to make databases, and the disk needs room \
for a second log and its views. Exit code 1 where anything was lost, failed or differs.";

/// What was done.
#[derive(Serialize)]
struct Outcome {
    /// The end of the live log when it was copied. Where that log is elsewhere, the copy has positions of its own.
    copied_to: Position,
    copying_seconds: f64,
    building_seconds: f64,
    #[serde(flatten)]
    report: Report,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { traffic, readers, format } = arguments;
    let load = Load { reads: traffic, readers: usize::from(readers) };
    let mut signals = Signals::take()?;
    let outcome = with_backend(settings, IfMissing::Refused, async |backend| {
        rehearse_beside(settings, backend, load, &mut signals).await
    })
    .await;
    let Some(outcome) = outcome? else { return Ok(Exit::Interrupted) };
    format.print(&outcome, || report::describe(&outcome))?;
    Ok(if outcome.report.passed { Exit::Done } else { Exit::Failed })
}

/// Nothing where a signal broke it off.
async fn rehearse_beside(
    settings: &Settings,
    backend: &Backend,
    load: Load,
    signals: &mut Signals,
) -> anyhow::Result<Option<Outcome>> {
    if backend.log_identity(settings).await?.is_none() {
        return Err(
            UsageError("the event log is empty: there is nothing to rehearse with yet".to_owned()).into()
        );
    }
    let scratch = Scratch::create(backend, Purpose::Rehearsal).await?;
    let rehearsed = tokio::select! {
        rehearsed = rehearse(settings, backend, &scratch, load) => rehearsed.map(Some),
        () = signals.next() => Ok(None),
    };
    let removed = scratch.remove().await;
    let outcome = rehearsed?;
    removed?;
    Ok(outcome)
}

async fn rehearse(
    settings: &Settings,
    backend: &Backend,
    scratch: &Scratch,
    load: Load,
) -> anyhow::Result<Outcome> {
    let meter = ProgressBar::new("events");
    let since = Instant::now();
    meter.start("copying the log");
    let (restored, copied_to) = copying::copy(settings, backend, scratch).await?;
    let copying_seconds = since.elapsed().as_secs_f64();
    let since = Instant::now();
    let models: Vec<_> = backend.commands.routing().in_use().collect();
    // A view that the log says is retired is restored by the rehearsal itself.
    restored.rebuild().run(&models, &|progress| show_rebuild_progress(&meter, progress)).await?;
    let building_seconds = since.elapsed().as_secs_f64();
    drop(meter);
    let meter = ProgressBar::new("reads");
    let progress = |progress: RehearsalProgress| {
        let RehearsalProgress { stage, reads, of } = progress;
        meter.update(stage.as_str(), reads, Some(reads as f64 / of.max(1) as f64));
    };
    let parts = scratch_parts(&restored, settings).await?;
    let engine = restored.start_engine();
    let report = rehearsal::run(parts, load, &progress).await;
    RunningEngine::stop(engine).await;
    let report = report?;
    Ok(Outcome { copied_to, copying_seconds, building_seconds, report })
}

/// The rehearsal gets the parts of the scratch database, and no others.
async fn scratch_parts(restored: &Restored, settings: &Settings) -> anyhow::Result<ScratchParts> {
    Ok(ScratchParts {
        log: Arc::clone(&restored.log),
        vault: restored.vault().clone(),
        commands: restored.commands(settings).await?,
        pool: restored.pool().clone(),
        config: restored.config().clone(),
        origin: operator_now(),
    })
}
