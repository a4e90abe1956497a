//! Creates a backup: a dump and an export up to one position of the log, while the service runs.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::Context;
use chrono::Utc;
use daybook_event_log::Position;
use daybook_event_log::portable::{self, Exported, Progress};
use daybook_projections::{DatabaseSummary, FOLD_VERSION, Snapshot};
use tokio::task::spawn_blocking;

use super::folder::{DATABASE_FILE, FILES, HISTORY_FILE, LOG_FILE, Unfinished};
use super::manifest::{FileSum, MANIFEST_FILE, Manifest};
use super::tools::{Content, Tools};
use crate::atomic_file::AtomicFile;
use crate::output::{ProgressBar, say};
use crate::wiring::{Backend, LogIdentity};

/// Size of the write buffer.
const BUFFER_BYTES: usize = 256 * 1024;

/// Writes all files of a backup into its folder, the manifest last.
pub(super) async fn fill(
    backend: &Backend,
    log: LogIdentity,
    folder: &Unfinished,
    progress_bar: &ProgressBar,
) -> anyhow::Result<Manifest> {
    let end = let_views_catch_up(backend).await?;
    progress_bar.start("dumping the database");
    let held = dump(backend, folder).await?;
    // If the log is in EventStoreDB, the keys of all events up to here were on disk before the snapshot was taken.
    let views_end = held.views.iter().map(|view| view.position).max().unwrap_or_default();
    let head = if backend.log.keeps_keys() { held.log_end } else { end.max(views_end) };
    let exported = export(backend, folder, head, progress_bar).await?;
    progress_bar.start("computing checksums");
    let manifest = Manifest {
        product_version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: Utc::now(),
        log,
        head: exported.position,
        events: exported.summary.events,
        keys: held.keys,
        rules_version: FOLD_VERSION,
        views: held.views,
        files: sum_up(folder).await?,
    };
    write(folder, MANIFEST_FILE, &manifest.write()?)?;
    Ok(manifest)
}

/// Waits until the views have reached the current head of the log, and returns it. A stalled view does not prevent a backup:
/// its digest is taken at its own position.
async fn let_views_catch_up(backend: &Backend) -> anyhow::Result<Position> {
    backend.rebuild().missing().await.context("the views could not be built")?;
    let end = backend.log.head().await?;
    if let Err(error) = backend.views_at(end).await {
        say(format_args!("The views are behind; their digests are taken at their own position: {error:#}"));
    }
    Ok(end)
}

/// Dumps a snapshot and returns a summary of its contents.
async fn dump(backend: &Backend, folder: &Unfinished) -> anyhow::Result<DatabaseSummary> {
    let mut client = backend.pool.get().await?;
    let tools = Tools::find(&backend.config, &client).await?;
    let snapshot = Snapshot::take(&mut client).await?;
    let held = snapshot.summarize().await?;
    for (content, file) in [(Content::Database, DATABASE_FILE), (Content::History, HISTORY_FILE)] {
        let part = AtomicFile::create(&folder.path().join(file))?;
        tools.dump(content, snapshot.snapshot(), part.out()).await?;
        part.keep()?;
    }
    Ok(held)
}

async fn export(
    backend: &Backend,
    folder: &Unfinished,
    head: Position,
    progress_bar: &ProgressBar,
) -> anyhow::Result<Exported> {
    let part = AtomicFile::create(&folder.path().join(LOG_FILE))?;
    let all = head.commit().max(1);
    let on_progress = |progress: Progress| {
        let fraction = progress.position.commit() as f64 / all as f64;
        progress_bar.update("exporting the log", progress.events, Some(fraction.min(1.0)));
    };
    let out = BufWriter::with_capacity(BUFFER_BYTES, part.out());
    let exported = portable::export_until(&*backend.log, head, out, &on_progress).await?;
    part.keep()?;
    Ok(exported)
}

/// Reads the written files back from disk.
async fn sum_up(folder: &Unfinished) -> anyhow::Result<Vec<FileSum>> {
    let path = folder.path().to_owned();
    spawn_blocking(move || FILES.iter().map(|file| FileSum::read(&path, file)).collect()).await?
}

fn write(folder: &Unfinished, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let part = AtomicFile::create(&folder.path().join(name))?;
    let mut out: &File = part.out();
    out.write_all(bytes).with_context(|| format!("cannot write {name}"))?;
    part.keep()
}
