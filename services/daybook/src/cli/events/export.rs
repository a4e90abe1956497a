//! `daybook events export`: the whole log into one file, beside a running service or without one.
//!
//! Under its name there is never half a file: it is written beside, and gets its name once it is whole and on the disk.

mod part;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use daybook_event_log::EventLog;
use daybook_event_log::portable::{self, Exported, Progress};

use crate::exit::Exit;
use crate::failure::Misuse;
use crate::output::{Format, Meter, counted, grouped, say};
use crate::settings::Settings;
use crate::wiring::{Backend, Beginning};
use part::Part;

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
    let backend = Backend::open(settings, Beginning::Refused).await?;
    let exported = match to_stdout {
        true => write(&*backend.log, io::stdout().lock()).await,
        false => write_file(&*backend.log, &file, force).await,
    };
    backend.close().await?;
    let exported = exported?;
    if to_stdout {
        // The events have standard output for themselves.
        say(describe(&exported));
    } else {
        format.print(&exported, || describe(&exported))?;
    }
    Ok(Exit::Done)
}

/// Refuses to take the place of another file unasked, and of what is no file in any case.
fn check_free(file: &Path, force: bool) -> anyhow::Result<()> {
    match std::fs::symlink_metadata(file) {
        Ok(found) if force && found.is_file() => Ok(()),
        Ok(found) if found.is_file() => {
            Err(Misuse(format!("there is a file `{}` already; --force replaces it", file.display())).into())
        }
        Ok(_) => Err(Misuse(format!("`{}` is something else than a file", file.display())).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot look at `{}`", file.display())),
    }
}

async fn write_file(log: &dyn EventLog, file: &Path, force: bool) -> anyhow::Result<Exported> {
    let part = Part::create(file)?;
    let exported = write(log, part.out()).await?;
    // Somebody may have made the file meanwhile.
    check_free(file, force)?;
    part.keep()?;
    Ok(exported)
}

async fn write(log: &dyn EventLog, out: impl Write) -> anyhow::Result<Exported> {
    let meter = Meter::new("events");
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_file_is_replaced_only_if_that_is_meant_and_what_is_none_never() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.jsonl");
        assert!(check_free(&file, false).is_ok());
        std::fs::write(&file, "precious").unwrap();
        let refused = check_free(&file, false).unwrap_err();
        assert!(refused.is::<Misuse>() && refused.to_string().contains("--force"), "{refused}");
        assert!(check_free(&file, true).is_ok());
        assert!(check_free(folder.path(), true).is_err());
    }
}
