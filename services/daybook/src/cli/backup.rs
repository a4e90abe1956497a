//! `daybook backup`: the log, the keys and what is known of the views as one folder, made while bookings go on.
//!
//! Under its name there is never half a backup. The master key is not in it, and no path of this machine goes into the log.

pub(super) mod folder;
mod making;
pub(super) mod manifest;
pub(super) mod tools;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use daybook_domain::routing::{ChecklistItem, ChecklistItemDone, RoutingCommand};
use daybook_event_log::Position;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::UsageError;
use crate::output::{Format, ProgressBar, counted, grouped};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_engine};
use folder::{Backup, Unfinished};
use manifest::Manifest;

#[derive(Args)]
pub(super) struct Arguments {
    /// The folder to make; it must not be there yet, or be empty
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// What a backup is without: who makes one has to know it beforehand.
pub(super) const KEY_IS_APART: &str = "\
The folder holds the event log twice, as a dump of PostgreSQL and as `daybook events export` writes it, and the keys of \
patients' details, wrapped by the master key. The master key is NOT in it: keep it apart (DAYBOOK_MASTER_KEY, or the file \
master.key of the data dir). Without it patients' details in the backup are lost; whoever has both can read them. The views \
are not in it, since they show patients' details: a restore builds them from the log.

Where the event log is an EventStoreDB, the export is the log's backup, and the dump has the rest.";

/// What was made.
#[derive(Serialize)]
struct Made {
    folder: PathBuf,
    #[serde(flatten)]
    manifest: Manifest,
    manifest_sha256: String,
    bytes: u64,
    seconds: f64,
    /// Position of the event that tells of it; it is not in the backup itself.
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
    let made = Made { seconds: since.elapsed().as_secs_f64(), ..made? };
    format.print(&made, || describe(&made))?;
    Ok(Exit::Done)
}

async fn make(
    settings: &Settings,
    backend: &Backend,
    unfinished: Unfinished,
    folder: PathBuf,
) -> anyhow::Result<Made> {
    backend.check_views_not_ahead().await?;
    let log = backend.log_identity(settings).await?;
    let log =
        log.ok_or_else(|| UsageError("the event log is empty: there is nothing to back up yet".to_owned()))?;
    let meter = ProgressBar::new("events");
    making::fill(backend, log, &unfinished, &meter).await?;
    unfinished.keep()?;
    drop(meter);
    let backup = Backup::open(&folder)?;
    let recorded = record(backend, ChecklistItem::BackupMade, evidence(&backup)).await;
    let recorded_at =
        recorded.context("the backup is whole, but it could not be recorded that it was made")?;
    let bytes = backup.manifest.files.iter().map(|file| file.bytes).sum();
    let Backup { manifest, manifest_sha256, .. } = backup;
    Ok(Made { folder, manifest, manifest_sha256, bytes, seconds: 0.0, recorded_at })
}

/// Notes in the log that an item of the migration's checklist was done.
pub(super) async fn record(
    backend: &Backend,
    item: ChecklistItem,
    evidence: String,
) -> anyhow::Result<Position> {
    let done = ChecklistItemDone { item, evidence: evidence.into() };
    Ok(backend.commands.change_routing(RoutingCommand::CompleteChecklistItem(done), operator_now()).await?)
}

/// What is written down of a backup for ever: its name and not its path.
pub(super) fn evidence(backup: &Backup) -> String {
    let Backup { name, manifest, manifest_sha256, .. } = backup;
    let Manifest { head, events, .. } = manifest;
    let events = counted(*events, "event", "events");
    format!("{name}: {events} up to position {head}, manifest sha256 {manifest_sha256}")
}

fn describe(made: &Made) -> String {
    let Manifest { head, events, keys, views, .. } = &made.manifest;
    let views: Vec<String> = views
        .iter()
        .map(|view| format!("{} {} at {}", view.generation, grouped(view.reservations), view.position))
        .collect();
    format!(
        "`{}` holds {} up to position {head}, and {}: {} bytes, made in {:.1} s.\n\
         Reservations in the views: {}.\n\
         The master key is not in it: keep it apart, for without it patients' details cannot be read.\n\
         `daybook restore {} --verify` proves that it can be restored.",
        made.folder.display(),
        counted(*events, "event", "events"),
        counted(*keys, "wrapped key", "wrapped keys"),
        grouped(made.bytes),
        made.seconds,
        views.join(", "),
        made.folder.display(),
    )
}
