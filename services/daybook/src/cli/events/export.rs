//! `daybook events export`: the whole log into one file, with or without a running service.
//!
//! An incomplete file must never have the requested name: it gets the name once it is complete and on disk.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use daybook_event_log::EventLog;
use daybook_event_log::portable::{self, Exported, Progress};

use crate::atomic_file::{AtomicFile, check_free};
use crate::exit::Exit;
use crate::output::{Format, ProgressBar, counted, grouped, say};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_backend};

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// The name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// File to write; `-` for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { file, force, format } = arguments;
    let to_stdout = file.as_os_str() == STANDARD_OUTPUT;
    if !to_stdout {
        check_free(&file, force)?;
    }
    let exported = with_backend(settings, IfMissing::Refused, async |backend| match to_stdout {
        true => write(&*backend.log, io::stdout().lock()).await,
        false => write_file(&*backend.log, &file, force).await,
    })
    .await?;
    if to_stdout {
        // Standard output holds the events.
        say(describe(&exported));
    } else {
        format.print(&exported, || describe(&exported))?;
    }
    Ok(Exit::Done)
}

async fn write_file(log: &dyn EventLog, file: &Path, force: bool) -> anyhow::Result<Exported> {
    let part = AtomicFile::create(file)?;
    let exported = write(log, part.out()).await?;
    // Another process may have created the file meanwhile.
    check_free(file, force)?;
    part.keep()?;
    Ok(exported)
}

async fn write(log: &dyn EventLog, out: impl Write) -> anyhow::Result<Exported> {
    let progress_bar = ProgressBar::new("events");
    let head = log.head().await?.commit().max(1);
    let on_progress = |progress: Progress| {
        let fraction = progress.position.commit() as f64 / head as f64;
        progress_bar.update("exporting", progress.events, Some(fraction.min(1.0)));
    };
    Ok(portable::export(log, BufWriter::with_capacity(BUFFER_BYTES, out), &on_progress).await?)
}

fn describe(exported: &Exported) -> String {
    let Exported { summary, position } = exported;
    format!(
        "Exported {} of {} up to position {position}: {} bytes, sha256 {}.\n\
         The keys of patients' details are not in the file. Keep a copy of the schema `privacy`\n\
         of the database, and the master key.",
        counted(summary.events, "event", "events"),
        counted(summary.streams, "stream", "streams"),
        grouped(summary.bytes),
        summary.sha256,
    )
}
