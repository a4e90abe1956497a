//! `daybook events export`: the whole log into one file, beside a running service or without one.
//!
//! Under its name there is never half a file: it is written beside, and gets its name once it is whole and on the disk.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use daybook_event_log::EventLog;
use daybook_event_log::portable::{self, Exported, Progress};

use crate::exit::Exit;
use crate::output::{Format, ProgressBar, counted, grouped, say};
use crate::part::{AtomicFile, check_free};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_backend};

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// The name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The file to make; `-` for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file where there is one
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
        // The events have standard output for themselves.
        say(describe(&exported));
    } else {
        format.print(&exported, || describe(&exported))?;
    }
    Ok(Exit::Done)
}

async fn write_file(log: &dyn EventLog, file: &Path, force: bool) -> anyhow::Result<Exported> {
    let part = AtomicFile::create(file)?;
    let exported = write(log, part.out()).await?;
    // Somebody may have made the file meanwhile.
    check_free(file, force)?;
    part.keep()?;
    Ok(exported)
}

async fn write(log: &dyn EventLog, out: impl Write) -> anyhow::Result<Exported> {
    let meter = ProgressBar::new("events");
    let head = log.head().await?.commit().max(1);
    let tell = |progress: Progress| {
        let fraction = progress.position.commit() as f64 / head as f64;
        meter.tell("exporting", progress.events, Some(fraction.min(1.0)));
    };
    Ok(portable::export(log, BufWriter::with_capacity(BUFFER_BYTES, out), &tell).await?)
}

fn describe(exported: &Exported) -> String {
    let Exported { summary, position } = exported;
    format!(
        "{} of {}, up to position {position} of this log: {} bytes, sha256 {}.\n\
         The keys of patients' details are not in it: keep a copy of the database's schema `privacy`, and the master key.",
        counted(summary.events, "event", "events"),
        counted(summary.streams, "stream", "streams"),
        grouped(summary.bytes),
        summary.sha256,
    )
}
