//! `daybook restore`: a backup put into an empty database, for good.
//!
//! It must never write into a database that anything of Daybook is in. What it leaves is either whole or refused by every
//! command, so that a restore that was broken off is never taken for a book.

use std::fs::File;
use std::io::BufReader;

use anyhow::Context;
use daybook_event_log::portable::{Compared, Progress, Verified};
use daybook_projections::{RebuildReport, parked};
use serde::Serialize;

use super::restore_dumps;
use crate::cli::backup::folder::{Backup, LOG_FILE};
use crate::cli::backup::tools::Tools;
use crate::cli::events::verify_export;
use crate::cli::projection::tell_rebuild;
use crate::exit::Exit;
use crate::failure::UsageError;
use crate::output::{Confirmation, Format, ProgressBar, counted};
use crate::secrets;
use crate::settings::Settings;
use crate::wiring::{Backend, EmptyDatabase, log_kind};

/// What was restored.
#[derive(Serialize)]
struct PutBack {
    backup: String,
    events: u64,
    log: Compared,
    views: Option<RebuildReport>,
}

pub(super) async fn run(
    settings: &Settings,
    backup: &Backup,
    meter: ProgressBar,
    (consent, format): (Confirmation, Format),
) -> anyhow::Result<Exit> {
    settings.check_master_key()?;
    check_settings(settings, backup)?;
    // Whatever is wrong with it is told before anything is restored.
    let exported = verify_export(&backup.file(LOG_FILE)).await.context(LOG_FILE)?;
    let database = EmptyDatabase::find(settings).await?;
    if let Err(unconfirmed) = consent.to(describe_change(backup)).await {
        database.leave().await?;
        return Err(unconfirmed.into());
    }
    let backend = put_back(settings, database, backup, &meter).await?;
    let restored =
        backend.run(async |backend| check_and_build(backend, exported, backup, &meter).await).await;
    drop(meter);
    let put_back = restored?;
    let agrees = put_back.log.difference.is_none() && put_back.log.events == backup.manifest.events;
    format.print(&put_back, || describe(&put_back, agrees))?;
    Ok(if agrees { Exit::Done } else { Exit::Failed })
}

/// What would come out only after the restore.
fn check_settings(settings: &Settings, backup: &Backup) -> Result<(), UsageError> {
    let manifest = &backup.manifest;
    if manifest.log.kind != log_kind(settings) {
        return Err(UsageError(format!(
            "the backup is of an event log in `{}`, and --event-store-url (EVENT_STORE_URL) names one in `{}`: set it to where \
             the log is to be",
            manifest.log.kind,
            log_kind(settings)
        )));
    }
    let has_key = settings.master_key.is_some() || secrets::has_master_key(&settings.data_dir);
    if manifest.keys > 0 && !has_key {
        return Err(UsageError(format!(
            "the backup holds details of patients that a master key seals, and there is none here: set --master-key \
             (DAYBOOK_MASTER_KEY), or put the file {} into `{}`",
            secrets::MASTER_KEY_FILE,
            settings.data_dir.display()
        )));
    }
    Ok(())
}

fn describe_change(backup: &Backup) -> String {
    format!(
        "This restores `{}` of {}, {} up to position {}, into the database, which is empty. What was booked later is not in \
         it. No service may use the database meanwhile.",
        backup.name,
        backup.manifest.made_at.format("%Y-%m-%d %H:%M:%SZ"),
        counted(backup.manifest.events, "event", "events"),
        backup.manifest.head,
    )
}

async fn put_back(
    settings: &Settings,
    database: EmptyDatabase,
    backup: &Backup,
    meter: &ProgressBar,
) -> anyhow::Result<Backend> {
    // The log first where it is elsewhere: an import that was broken off goes on when this is run again.
    let log =
        if log_kind(settings) == "postgres" { None } else { Some(database.log_elsewhere(settings).await?) };
    if let Some(log) = &log {
        let exported = verify_export(&backup.file(LOG_FILE)).await?;
        exported.import(&**log, &|progress| tell(meter, "importing the log", progress, backup)).await?;
    }
    meter.enter("restoring");
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

/// Makes sure that the log is the backup's, and builds the views from it.
async fn check_and_build(
    backend: &Backend,
    exported: Verified<BufReader<File>>,
    backup: &Backup,
    meter: &ProgressBar,
) -> anyhow::Result<PutBack> {
    let log = exported
        .compare(&*backend.log, &|progress| tell(meter, "comparing the log", progress, backup))
        .await?;
    let models: Vec<_> = backend.commands.routing().in_use().collect();
    let views = match log.difference {
        None => Some(backend.rebuild().run(&models, &|progress| tell_rebuild(meter, progress)).await?),
        Some(_) => None,
    };
    Ok(PutBack { backup: backup.name.clone(), events: backup.manifest.events, log, views })
}

fn tell(meter: &ProgressBar, phase: &'static str, progress: Progress, backup: &Backup) {
    let all = backup.manifest.events.max(1);
    meter.tell(phase, progress.events, Some(progress.events as f64 / all as f64));
}

fn describe(put_back: &PutBack, agrees: bool) -> String {
    if !agrees {
        return format!(
            "The restored log is NOT that of `{}`: {} are the same, then they part. Do not use this database; restore into \
             another one, or use another backup.",
            put_back.backup,
            counted(put_back.log.events, "event", "events"),
        );
    }
    let reservations = put_back.views.as_ref().map_or(0, |views| views.reservations);
    format!(
        "`{}` is restored: {} up to position {}, and {} in the views, which were built from them.\n\
         `daybook serve` goes on from there.",
        put_back.backup,
        counted(put_back.log.events, "event", "events"),
        put_back.log.position,
        counted(reservations, "reservation", "reservations"),
    )
}
