//! `daybook events import`: what `events export` has written into a log that is empty, or where this very import was
//! broken off.
//!
//! The file is checked to its end before the log is opened: of a file that is unsound, nothing is ever appended.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use daybook_event_log::portable::{self, Imported, Progress, Summary, Verified};

use crate::exit::Exit;
use crate::failure::UsageError;
use crate::output::{Confirmation, Format, ProgressBar, counted, grouped};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 256 * 1024;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The file that `daybook events export` has made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { file, consent, format } = arguments;
    let verified = verify(&file).await.with_context(|| format!("`{}`", file.display()))?;
    consent.to(describe_change(verified.summary())).await?;
    let imported =
        with_backend(settings, IfMissing::Allowed, async |backend| import(backend, verified).await).await?;
    format.print(&imported, || describe(&imported))?;
    Ok(Exit::Done)
}

/// Reads an exported log through, and checks all of it.
pub(in crate::cli) async fn verify(path: &Path) -> anyhow::Result<Verified<BufReader<File>>> {
    let file = File::open(path).context("cannot be opened")?;
    let found = file.metadata().context("cannot be looked at")?;
    if !found.is_file() {
        return Err(UsageError("is no file; it is read twice, so that a pipe will not do".to_owned()).into());
    }
    let meter = ProgressBar::new("events");
    let tell = |progress: Progress| tell(&meter, "checking the file", progress, found.len());
    Ok(portable::verify(BufReader::with_capacity(BUFFER_BYTES, file), &tell).await?)
}

async fn import(backend: &Backend, verified: Verified<BufReader<File>>) -> anyhow::Result<Imported> {
    let size_bytes = verified.summary().bytes;
    let meter = ProgressBar::new("events");
    let tell = |progress: Progress| tell(&meter, "importing", progress, size_bytes);
    Ok(verified.import(&*backend.log, &tell).await?)
}

fn tell(meter: &ProgressBar, phase: &'static str, progress: Progress, size_bytes: u64) {
    let fraction = progress.bytes as f64 / size_bytes.max(1) as f64;
    meter.tell(phase, progress.events, Some(fraction));
}

fn describe_change(summary: &Summary) -> String {
    format!(
        "This appends {} of {} (sha256 {}) to the event log, which has to be empty or to hold the beginning of this very \
         file. The event log keeps for ever what is recorded. No service may use it meanwhile.",
        counted(summary.events, "event", "events"),
        counted(summary.streams, "stream", "streams"),
        summary.sha256,
    )
}

fn describe(imported: &Imported) -> String {
    let Imported { summary, already_there, appended, position } = imported;
    format!(
        "The event log holds the {} of {} of this file, up to position {position}: {} appended, {} already there.\n\
         Patients' details can be read only with the keys they were sealed with: the schema `privacy` of the database they \
         come from, and its master key.\n\
         Put the keys in their place first; then `daybook serve` builds the views.",
        counted(summary.events, "event", "events"),
        counted(summary.streams, "stream", "streams"),
        grouped(*appended),
        grouped(*already_there),
    )
}
