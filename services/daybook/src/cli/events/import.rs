//! `daybook events import`: an exported log into an empty one, or into one in which an import of the same file was interrupted.
//!
//! It must never append anything of a corrupt file: the whole file is checked before the log is opened.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use daybook_event_log::portable::{self, Imported, Progress, Summary, Verified};

use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, ProgressBar, counted, grouped};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 256 * 1024;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// File that `daybook events export` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { file, confirmation, format } = arguments;
    let verified = verify(&file).await.with_context(|| format!("`{}`", file.display()))?;
    confirmation.require(describe_change(verified.summary())).await?;
    let imported =
        with_backend(settings, IfMissing::Allowed, async |backend| import(backend, verified).await).await?;
    format.print(&imported, || describe(&imported))?;
    Ok(Exit::Done)
}

/// Reads an exported log to its end and checks all of it.
pub(in crate::cli) async fn verify(path: &Path) -> anyhow::Result<Verified<BufReader<File>>> {
    let file = File::open(path).context("cannot be opened")?;
    let found = file.metadata().context("cannot be examined")?;
    if !found.is_file() {
        return Err(UsageError(
            "is not a regular file; it is read twice, so a pipe does not work".to_owned(),
        )
        .into());
    }
    let progress_bar = ProgressBar::new("events");
    let on_progress =
        |progress: Progress| show_progress(&progress_bar, "checking the file", progress, found.len());
    Ok(portable::verify(BufReader::with_capacity(BUFFER_BYTES, file), &on_progress).await?)
}

async fn import(backend: &Backend, verified: Verified<BufReader<File>>) -> anyhow::Result<Imported> {
    let size_bytes = verified.summary().bytes;
    let progress_bar = ProgressBar::new("events");
    let on_progress = |progress: Progress| show_progress(&progress_bar, "importing", progress, size_bytes);
    Ok(verified.import(&*backend.log, &on_progress).await?)
}

fn show_progress(progress_bar: &ProgressBar, phase: &'static str, progress: Progress, size_bytes: u64) {
    let fraction = progress.bytes as f64 / size_bytes.max(1) as f64;
    progress_bar.update(phase, progress.events, Some(fraction));
}

fn describe_change(summary: &Summary) -> String {
    format!(
        "This appends {} of {} (sha256 {}) to the event log. The log has to be empty, or to hold the beginning of the same file. \
         Recorded events cannot be removed. No service may use the log meanwhile.",
        counted(summary.events, "event", "events"),
        counted(summary.streams, "stream", "streams"),
        summary.sha256,
    )
}

fn describe(imported: &Imported) -> String {
    let Imported { summary, already_there, appended, position } = imported;
    format!(
        "The event log holds all {} of {} of the file, up to position {position}: {} appended, {} already there.\n\
         Patients' details need the keys they were sealed with: the schema `privacy` of the old\n\
         database, and its master key. Decisions to discard events are not in the file either:\n\
         what the old database lists in control.discarded_events has to be discarded here again.\n\
         Next: restore the keys, then daybook serve, which builds the views",
        counted(summary.events, "event", "events"),
        counted(summary.streams, "stream", "streams"),
        grouped(*appended),
        grouped(*already_there),
    )
}
