//! `daybook restore`: restores a backup into an empty database.
//!
//! It must never write into a database that contains anything of Daybook. Every command refuses the database of an interrupted
//! restore.

use std::fs::File;
use std::io::BufReader;

use anyhow::Context;
use daybook_domain::ClinicZone;
use daybook_event_log::portable::{Compared, Progress, Verified};
use daybook_projections::{RebuildReport, parked};
use serde::Serialize;

use super::restore_dumps;
use crate::cli::backup::folder::{Backup, LOG_FILE};
use crate::cli::backup::tools::Tools;
use crate::cli::events::verify_export;
use crate::cli::projection::parked::describe_failing;
use crate::cli::projection::show_rebuild_progress;
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, ProgressBar, counted, timestamp};
use crate::secrets;
use crate::settings::Settings;
use crate::wiring::{Backend, EmptyDatabase, log_kind};

#[derive(Serialize)]
struct RestoreReport {
    backup: String,
    events: u64,
    log: Compared,
    views: Option<RebuildReport>,
    /// Events that the views leave out, as an operator decided before the backup.
    discarded: u64,
}

pub(super) async fn run(
    settings: &Settings,
    backup: &Backup,
    progress_bar: ProgressBar,
    (confirmation, format): (Confirmation, Format),
) -> anyhow::Result<Exit> {
    settings.check_master_key()?;
    check_settings(settings, backup)?;
    // A damaged export is reported before anything is restored.
    let exported = verify_export(&backup.file(LOG_FILE)).await.context(LOG_FILE)?;
    let database = EmptyDatabase::find(settings).await?;
    if let Err(unconfirmed) = confirmation.require(describe_change(backup, settings.zone)).await {
        database.leave().await?;
        return Err(unconfirmed.into());
    }
    let backend = restore(settings, database, backup, &progress_bar).await?;
    let restored =
        backend.run(async |backend| check_and_build(backend, exported, backup, &progress_bar).await).await;
    drop(progress_bar);
    let report = restored?;
    let agrees = report.log.difference.is_none() && report.log.events == backup.manifest.events;
    format.print(&report, || describe(&report, agrees))?;
    Ok(if agrees { Exit::Done } else { Exit::Failed })
}

/// Finds settings that would fail after the restore.
fn check_settings(settings: &Settings, backup: &Backup) -> Result<(), UsageError> {
    let manifest = &backup.manifest;
    if manifest.log.kind != log_kind(settings) {
        return Err(UsageError(format!(
            "the backup has an event log in `{}`, but --event-store-url (EVENT_STORE_URL) names one in `{}`. Set it to the store \
             for the restored log",
            manifest.log.kind,
            log_kind(settings)
        )));
    }
    let has_key = settings.master_key.is_some() || secrets::has_master_key(&settings.data_dir);
    if manifest.keys > 0 && !has_key {
        return Err(UsageError(format!(
            "the backup holds patients' details, but there is no master key to read them. Set --master-key \
             (DAYBOOK_MASTER_KEY), or copy the file {} into `{}`",
            secrets::MASTER_KEY_FILE,
            settings.data_dir.display()
        )));
    }
    Ok(())
}

fn describe_change(backup: &Backup, zone: ClinicZone) -> String {
    format!(
        "This restores `{}` of {}, {} up to position {}, into an empty database. Later bookings are not in the backup. No \
         service may use the database meanwhile.",
        backup.name,
        timestamp(zone, backup.manifest.made_at),
        counted(backup.manifest.events, "event", "events"),
        backup.manifest.head,
    )
}

async fn restore(
    settings: &Settings,
    database: EmptyDatabase,
    backup: &Backup,
    progress_bar: &ProgressBar,
) -> anyhow::Result<Backend> {
    // A log in EventStoreDB comes first: an interrupted import continues when this is run again.
    let log =
        if log_kind(settings) == "postgres" { None } else { Some(database.log_elsewhere(settings).await?) };
    if let Some(log) = &log {
        let exported = verify_export(&backup.file(LOG_FILE)).await?;
        exported
            .import(&**log, &|progress| show_progress(progress_bar, "importing the log", progress, backup))
            .await?;
    }
    progress_bar.start("restoring");
    let tools = Tools::find(database.config(), database.client()).await?;
    restore_dumps(&tools, backup, database.name()).await?;
    let backend = database.open(settings).await?;
    if let Some(log) = &log {
        let mut client = backend.pool.get().await?;
        let transaction = client.transaction().await?;
        parked::renumber_discarded(&transaction, &**log).await?;
        transaction.commit().await?;
    }
    Ok(backend)
}

/// Compares the log with the export, and builds the views.
async fn check_and_build(
    backend: &Backend,
    exported: Verified<BufReader<File>>,
    backup: &Backup,
    progress_bar: &ProgressBar,
) -> anyhow::Result<RestoreReport> {
    let log = exported
        .compare(&*backend.log, &|progress| {
            show_progress(progress_bar, "comparing the log", progress, backup)
        })
        .await?;
    let models: Vec<_> = backend.commands.routing().in_use().collect();
    let views = match log.difference {
        None => Some(
            backend
                .rebuild()
                .parking()
                .run(&models, &|progress| show_rebuild_progress(progress_bar, progress))
                .await?,
        ),
        Some(_) => None,
    };
    let discarded = parked::count_discarded(&backend.pool.get().await?).await?;
    Ok(RestoreReport { backup: backup.name.clone(), events: backup.manifest.events, log, views, discarded })
}

fn show_progress(progress_bar: &ProgressBar, phase: &'static str, progress: Progress, backup: &Backup) {
    let all = backup.manifest.events.max(1);
    progress_bar.update(phase, progress.events, Some(progress.events as f64 / all as f64));
}

fn describe(report: &RestoreReport, agrees: bool) -> String {
    if !agrees {
        return format!(
            "The restored log DIFFERS from `{}` after {}. Do not use this database.\n\
             Next: restore into another empty database, or use another backup",
            report.backup,
            counted(report.log.events, "event", "events"),
        );
    }
    let reservations = report.views.as_ref().map_or(0, |views| views.reservations);
    let restored = format!(
        "`{}` is restored: {} up to position {}, and {} in the rebuilt views.\n",
        report.backup,
        counted(report.log.events, "event", "events"),
        report.log.position,
        counted(reservations, "reservation", "reservations"),
    );
    let discarded = match report.discarded {
        0 => String::new(),
        events => format!(
            "Discarded before the backup, and still left out: {}.\n",
            counted(events, "event", "events")
        ),
    };
    let parked = report.views.as_ref().and_then(|views| describe_failing(&views.parked));
    let parked = parked.map_or_else(String::new, |parked| parked + "\n");
    restored + &discarded + &parked + "Next: daybook serve"
}
