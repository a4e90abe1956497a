//! `daybook restore --verify`: a backup restored into a scratch database, and everything in it held against what the manifest
//! says.
//!
//! The scratch database is dropped however this ends. Only a backup that agrees in everything is recorded as proven.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, bail};
use daybook_domain::ReadModel;
use daybook_domain::routing::ChecklistItem;
use daybook_event_log::portable::{Compared, Progress};
use daybook_event_log::{EventLog, Position};
use daybook_projections::{Digest, FOLD_VERSION, GenerationName, PastReport, PointInTime, ViewSummary};

use super::report::{Tried, TriedView, describe};
use super::restore_dumps;
use crate::cli::backup::folder::{Backup, LOG_FILE};
use crate::cli::backup::tools::Tools;
use crate::cli::backup::{evidence, record};
use crate::cli::events::verify_export;
use crate::cli::projection::tell_rebuild;
use crate::cli::signals::Signals;
use crate::exit::Exit;
use crate::failure::UsageError;
use crate::output::{Format, ProgressBar};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, Purpose, Restored, Scratch, log_kind};

/// What the views of the scratch database are named.
const NAME: &str = "restored";

pub(super) async fn run(
    settings: &Settings,
    backup: &Backup,
    meter: ProgressBar,
    format: Format,
) -> anyhow::Result<Exit> {
    check_rules(backup)?;
    let mut signals = Signals::take()?;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let outcome = prove_and_record(settings, &backend, backup, &meter, &mut signals).await;
    drop(meter);
    backend.close().await?;
    let Some(tried) = outcome? else { return Ok(Exit::Interrupted) };
    format.print(&tried, || describe(&tried))?;
    Ok(if tried.agrees { Exit::Done } else { Exit::Failed })
}

/// Digests of two versions of the rules cannot be compared.
fn check_rules(backup: &Backup) -> anyhow::Result<()> {
    let version = backup.manifest.rules_version;
    if version != FOLD_VERSION {
        bail!(
            "the backup's views were folded by version {version} of the rules, this release folds by {FOLD_VERSION}: prove \
             it with the release that made it ({}); it can be restored with this one",
            backup.manifest.product_version
        );
    }
    Ok(())
}

/// Nothing where a signal broke it off.
async fn prove_and_record(
    settings: &Settings,
    backend: &Backend,
    backup: &Backup,
    meter: &ProgressBar,
    signals: &mut Signals,
) -> anyhow::Result<Option<Tried>> {
    check_same_log(settings, backend, backup).await?;
    backend.check_views_not_ahead().await?;
    let scratch = Scratch::create(backend, Purpose::Restore).await?;
    let proven = tokio::select! {
        proven = prove(settings, backend, &scratch, backup, meter) => proven.map(Some),
        () = signals.next() => Ok(None),
    };
    let removed = scratch.remove().await;
    let Some(mut tried) = proven? else { return Ok(None) };
    removed?;
    if tried.agrees {
        let recorded = record(backend, ChecklistItem::RestoreTested, describe_evidence(backup, &tried)).await;
        tried.recorded_at = Some(recorded.context("the backup is proven, but that could not be recorded")?);
    }
    Ok(Some(tried))
}

fn describe_evidence(backup: &Backup, tried: &Tried) -> String {
    let seconds: f64 = tried.seconds.values().sum();
    format!("{}; restored beside the live database and found the same in {seconds:.1} s", evidence(backup))
}

/// What is recorded in a log has to be about this very log.
async fn check_same_log(settings: &Settings, backend: &Backend, backup: &Backup) -> anyhow::Result<()> {
    if backend.log_identity(settings).await?.as_ref() == Some(&backup.manifest.log) {
        return Ok(());
    }
    Err(UsageError(format!(
        "`{}` is a backup of another event log than the one in use: name the installation that it was made of by --data-dir \
         (DAYBOOK_DATA_DIR) or --database-url (DATABASE_URL), or restore it into an empty database",
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

async fn prove(
    settings: &Settings,
    backend: &Backend,
    scratch: &Scratch,
    backup: &Backup,
    meter: &ProgressBar,
) -> anyhow::Result<Tried> {
    let mut steps = Steps { since: Instant::now(), seconds: BTreeMap::new() };
    meter.enter("restoring");
    let client = backend.pool.get().await?;
    let tools = Tools::find(&backend.config, &client).await?;
    drop(client);
    restore_dumps(&tools, backup, scratch.name()).await?;
    let restored = scratch.open(settings).await?;
    if log_kind(settings) != restored.log.connection().adapter {
        restored.import(verify_export(&backup.file(LOG_FILE)).await?).await?;
    }
    steps.took("restoring");
    let compared = compare(&*restored.log, backup, meter).await?;
    let is_same_log = restored.first_event().await? == Some(backup.manifest.log.first_event);
    steps.took("comparing_the_log");
    let views = build(&restored, backup, &compared, meter).await?;
    steps.took("building_the_views");
    Ok(Tried::of(backup, is_same_log, compared, views, steps.seconds))
}

async fn compare(log: &dyn EventLog, backup: &Backup, meter: &ProgressBar) -> anyhow::Result<Compared> {
    let exported = verify_export(&backup.file(LOG_FILE)).await.context(LOG_FILE)?;
    let all = backup.manifest.events.max(1);
    let tell = |progress: Progress| {
        meter.tell("comparing the log", progress.events, Some(progress.events as f64 / all as f64));
    };
    Ok(exported.compare(log, &tell).await?)
}

/// Builds from the restored log, with the restored keys, what each view held, at the position at which it did.
async fn build(
    restored: &Restored,
    backup: &Backup,
    compared: &Compared,
    meter: &ProgressBar,
) -> anyhow::Result<Vec<TriedView>> {
    let name: GenerationName = NAME.parse()?;
    let mut by_position: BTreeMap<Position, Vec<&ViewSummary>> = BTreeMap::new();
    for held in &backup.manifest.views {
        by_position.entry(held.position).or_default().push(held);
    }
    let mut views = Vec::new();
    for (position, held) in by_position {
        let until = place_in(restored, backup, compared, position)?;
        let models: Vec<ReadModel> = held.iter().map(|held| held.generation.model).collect();
        let tell = |progress| tell_rebuild(meter, progress);
        let built = restored.rebuild().past(&models, PointInTime::Position(until), &name, &tell).await;
        views.extend(pair(&held, &built.context("the views could not be built from the restored log")?));
    }
    Ok(views)
}

/// Where a position of the backup's log is in the restored one. A dump keeps positions; an export has only its end.
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
        bail!("a view was behind when the backup was made, so that nothing proves it: make another backup");
    }
    Ok(compared.position)
}

fn pair(held: &[&ViewSummary], built: &PastReport) -> Vec<TriedView> {
    let digests = held.iter().zip(&built.digests);
    let view = |(held, digest): (&&ViewSummary, &Digest)| TriedView {
        held: (*held).clone(),
        restored_reservations: built.reservations,
        restored_digest: *digest,
    };
    digests.map(view).collect()
}
