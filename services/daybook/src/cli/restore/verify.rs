//! `daybook restore --verify`: restores a backup into a scratch database and compares everything with the manifest.
//!
//! The scratch database must not outlive the command. Only a backup without any difference is recorded as verified.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, bail};
use daybook_domain::ReadModel;
use daybook_domain::routing::ChecklistItem;
use daybook_event_log::portable::{Compared, Progress};
use daybook_event_log::{EventLog, Position};
use daybook_projections::{
    Digest, FOLD_VERSION, FailingEvents, GenerationName, PastReport, PointInTime, ViewSummary,
};

use super::report::{VerifiedView, VerifyReport, describe};
use super::restore_dumps;
use crate::cli::backup::folder::{Backup, LOG_FILE};
use crate::cli::backup::tools::Tools;
use crate::cli::backup::{evidence, record};
use crate::cli::events::verify_export;
use crate::cli::projection::show_rebuild_progress;
use crate::cli::signals::Signals;
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Format, ProgressBar, seconds};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, Purpose, Restored, Scratch, log_kind, with_backend};

/// Name of the views in the scratch database.
const NAME: &str = "restored";

pub(super) async fn run(
    settings: &Settings,
    backup: &Backup,
    progress_bar: ProgressBar,
    format: Format,
) -> anyhow::Result<Exit> {
    check_rules(backup)?;
    let mut signals = Signals::take()?;
    let outcome = with_backend(settings, IfMissing::Refused, async |backend| {
        verify_and_record(settings, backend, backup, &progress_bar, &mut signals).await
    })
    .await;
    drop(progress_bar);
    let Some(report) = outcome? else { return Ok(Exit::Interrupted) };
    format.print(&report, || describe(&report, settings.zone))?;
    Ok(if report.agrees { Exit::Done } else { Exit::Failed })
}

/// Digests of two fold versions cannot be compared.
fn check_rules(backup: &Backup) -> anyhow::Result<()> {
    let version = backup.manifest.rules_version;
    if version != FOLD_VERSION {
        bail!(
            "the backup has digests of fold version {version}, but this release computes version {FOLD_VERSION}. Verify the backup \
             with the release that made it ({}). This release can restore it",
            backup.manifest.product_version
        );
    }
    Ok(())
}

/// Returns nothing if a signal interrupted it.
async fn verify_and_record(
    settings: &Settings,
    backend: &Backend,
    backup: &Backup,
    progress_bar: &ProgressBar,
    signals: &mut Signals,
) -> anyhow::Result<Option<VerifyReport>> {
    check_same_log(settings, backend, backup).await?;
    backend.check_views_not_ahead().await?;
    let scratch = Scratch::create(backend, Purpose::Restore).await?;
    let verified = tokio::select! {
        verified = verify(settings, backend, &scratch, backup, progress_bar) => verified.map(Some),
        () = signals.next() => Ok(None),
    };
    let removed = scratch.remove().await;
    let Some(mut report) = verified? else { return Ok(None) };
    removed?;
    if report.agrees {
        let recorded =
            record(backend, ChecklistItem::RestoreTested, describe_evidence(backup, &report)).await;
        report.recorded_at =
            Some(recorded.context("the backup is verified, but that could not be recorded in the log")?);
    }
    Ok(Some(report))
}

fn describe_evidence(backup: &Backup, report: &VerifyReport) -> String {
    let duration = seconds(report.seconds.values().sum());
    format!("{}; restored beside the live database without differences in {duration}", evidence(backup))
}

/// The log may record only the verification of its own backups.
async fn check_same_log(settings: &Settings, backend: &Backend, backup: &Backup) -> anyhow::Result<()> {
    if backend.log_identity(settings).await?.as_ref() == Some(&backup.manifest.log) {
        return Ok(());
    }
    Err(UsageError(format!(
        "`{}` is a backup of a different event log. Name its own installation with --data-dir (DAYBOOK_DATA_DIR) or \
         --database-url (DATABASE_URL), or restore the backup into an empty database",
        backup.name
    ))
    .into())
}

/// Times the steps.
struct Steps {
    since: Instant,
    seconds: BTreeMap<&'static str, f64>,
}

impl Steps {
    fn took(&mut self, step: &'static str) {
        self.seconds.insert(step, self.since.elapsed().as_secs_f64());
        self.since = Instant::now();
    }
}

async fn verify(
    settings: &Settings,
    backend: &Backend,
    scratch: &Scratch,
    backup: &Backup,
    progress_bar: &ProgressBar,
) -> anyhow::Result<VerifyReport> {
    let mut steps = Steps { since: Instant::now(), seconds: BTreeMap::new() };
    progress_bar.start("restoring");
    let client = backend.pool.get().await?;
    let tools = Tools::find(&backend.config, &client).await?;
    drop(client);
    restore_dumps(&tools, backup, scratch.name()).await?;
    let restored = scratch.open(settings).await?;
    if log_kind(settings) != restored.log.connection().adapter {
        restored.import(verify_export(&backup.file(LOG_FILE)).await?).await?;
    }
    steps.took("restoring");
    let compared = compare(&*restored.log, backup, progress_bar).await?;
    let is_same_log = restored.first_event().await? == Some(backup.manifest.log.first_event);
    steps.took("comparing_the_log");
    let (views, parked) = build(&restored, backup, &compared, progress_bar).await?;
    steps.took("building_the_views");
    let mut report = VerifyReport::new(backup, is_same_log, compared, views, steps.seconds);
    report.parked = parked.unwrap_or_default();
    Ok(report)
}

async fn compare(
    log: &dyn EventLog,
    backup: &Backup,
    progress_bar: &ProgressBar,
) -> anyhow::Result<Compared> {
    let exported = verify_export(&backup.file(LOG_FILE)).await.context(LOG_FILE)?;
    let all = backup.manifest.events.max(1);
    let on_progress = |progress: Progress| {
        progress_bar.update("comparing the log", progress.events, Some(progress.events as f64 / all as f64));
    };
    Ok(exported.compare(log, &on_progress).await?)
}

/// Builds each view from the restored log and keys, at the position of its digest in the backup.
async fn build(
    restored: &Restored,
    backup: &Backup,
    compared: &Compared,
    progress_bar: &ProgressBar,
) -> anyhow::Result<(Vec<VerifiedView>, Option<FailingEvents>)> {
    let name: GenerationName = NAME.parse()?;
    let mut by_position: BTreeMap<Position, Vec<&ViewSummary>> = BTreeMap::new();
    for held in &backup.manifest.views {
        by_position.entry(held.position).or_default().push(held);
    }
    let (mut views, mut parked) = (Vec::new(), None);
    for (position, held) in by_position {
        let until = place_in(restored, backup, compared, position)?;
        let models: Vec<ReadModel> = held.iter().map(|held| held.generation.model).collect();
        let on_progress = |progress| show_rebuild_progress(progress_bar, progress);
        let built = restored.rebuild().past(&models, PointInTime::Position(until), &name, &on_progress).await;
        let built = built.context("the views could not be built from the restored log")?;
        views.extend(pair(&held, &built));
        // The last one is at the highest position and lacks what the others lack.
        parked = Some(built.parked);
    }
    Ok((views, parked))
}

/// A position of the backup as a position of the restored log. A dump keeps positions; an export knows only its end.
fn place_in(
    restored: &Restored,
    backup: &Backup,
    compared: &Compared,
    position: Position,
) -> anyhow::Result<Position> {
    let manifest = &backup.manifest;
    if manifest.log.kind == restored.log.connection().adapter {
        return Ok(position);
    }
    if position != manifest.head {
        bail!(
            "a view was behind when the backup was made, so the backup cannot be verified. Make another one"
        );
    }
    Ok(compared.position)
}

fn pair(held: &[&ViewSummary], built: &PastReport) -> Vec<VerifiedView> {
    let restored = built.reservations_each.iter().zip(&built.digests);
    let view = |(held, (reservations, digest)): (&&ViewSummary, (&u64, &Digest))| VerifiedView {
        held: (*held).clone(),
        restored_reservations: *reservations,
        restored_digest: *digest,
    };
    held.iter().zip(restored).map(view).collect()
}
