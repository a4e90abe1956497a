//! `daybook backup`: the log, the keys and the digests of the views in one folder, while the service runs.
//!
//! An incomplete backup must never have the requested name. The backup must not contain the master key, and no path of this
//! machine may reach the log.

mod create;
pub(super) mod folder;
pub(super) mod manifest;
pub(super) mod tools;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use daybook_domain::routing::{ChecklistItem, ChecklistItemDone, RoutingCommand};
use daybook_event_log::Position;
use serde::Serialize;

use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Format, ProgressBar, counted, grouped, seconds};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_engine};
use folder::{Backup, Unfinished};
use manifest::Manifest;

#[derive(Args)]
pub(super) struct Arguments {
    /// Folder to create; it may exist if it is empty
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    format: Format,
}

pub(super) const KEY_IS_APART: &str = "\
The folder holds the event log twice, as a PostgreSQL dump and as an export of `daybook events export`, and the keys of \
patients' details, wrapped by the master key. The master key is NOT in it. Keep it in another place (DAYBOOK_MASTER_KEY, or the \
file master.key of the data dir): without it patients' details in the backup are lost, and with both anybody can read them. The \
backup has no views, because they show patients' details; a restore rebuilds them from the log.

If the event log is an EventStoreDB, the export is the backup of the log and the dump holds the rest.";

#[derive(Serialize)]
struct BackupReport {
    folder: PathBuf,
    #[serde(flatten)]
    manifest: Manifest,
    manifest_sha256: String,
    bytes: u64,
    seconds: f64,
    /// Position of the event that records the backup; the backup itself does not contain it.
    recorded_at: Position,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { folder, format } = arguments;
    let since = Instant::now();
    let unfinished = Unfinished::create(&folder)?;
    let made = with_engine(settings, IfMissing::Refused, async |backend| {
        make(settings, backend, unfinished, folder).await
    })
    .await;
    let made = BackupReport { seconds: since.elapsed().as_secs_f64(), ..made? };
    format.print(&made, || describe(&made))?;
    Ok(Exit::Done)
}

async fn make(
    settings: &Settings,
    backend: &Backend,
    unfinished: Unfinished,
    folder: PathBuf,
) -> anyhow::Result<BackupReport> {
    backend.check_views_not_ahead().await?;
    let log = backend.log_identity(settings).await?;
    let log = log.ok_or_else(|| UsageError("nothing was backed up: the event log is empty".to_owned()))?;
    let progress_bar = ProgressBar::new("events");
    create::fill(backend, log, &unfinished, &progress_bar).await?;
    unfinished.keep()?;
    drop(progress_bar);
    let backup = Backup::open(&folder)?;
    let recorded = record(backend, ChecklistItem::BackupMade, evidence(&backup)).await;
    let recorded_at = recorded.context("the backup is complete, but it could not be recorded in the log")?;
    let bytes = backup.manifest.files.iter().map(|file| file.bytes).sum();
    let Backup { manifest, manifest_sha256, .. } = backup;
    Ok(BackupReport { folder, manifest, manifest_sha256, bytes, seconds: 0.0, recorded_at })
}

/// Records an item of the checklist as done.
pub(super) async fn record(
    backend: &Backend,
    item: ChecklistItem,
    evidence: String,
) -> anyhow::Result<Position> {
    let done = ChecklistItemDone { item, evidence: evidence.into() };
    Ok(backend.commands.change_routing(RoutingCommand::CompleteChecklistItem(done), operator_now()).await?)
}

/// The evidence that is recorded for good: the name of the backup, never its path.
pub(super) fn evidence(backup: &Backup) -> String {
    let Backup { name, manifest, manifest_sha256, .. } = backup;
    let Manifest { head, events, .. } = manifest;
    let events = counted(*events, "event", "events");
    format!("{name}: {events} up to position {head}, manifest sha256 {manifest_sha256}")
}

fn describe(made: &BackupReport) -> String {
    let Manifest { head, events, keys, views, .. } = &made.manifest;
    let views: Vec<String> = views
        .iter()
        .map(|view| format!("{} {} at {}", view.generation, grouped(view.reservations), view.position))
        .collect();
    format!(
        "Backup `{}`: {} up to position {head}, {}, {} bytes, made in {}.\n\
         Reservations in the views: {}.\n\
         The master key is NOT in it. Keep it in another place: without it nobody can read\n\
         patients' details.\n\
         Next: daybook restore {} --verify",
        made.folder.display(),
        counted(*events, "event", "events"),
        counted(*keys, "wrapped key", "wrapped keys"),
        grouped(made.bytes),
        seconds(made.seconds),
        views.join(", "),
        made.folder.display(),
    )
}
