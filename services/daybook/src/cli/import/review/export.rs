//! `daybook import review export`: all reservations in review as a CSV file. Only its owner may read the file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use daybook_migration::review::write_file;
use daybook_projections::query::Unread;
use serde::Serialize;

use super::queue::{Filter, ReviewQueue, file_row};
use crate::exit::Exit;
use crate::output::{Format, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_engine};

/// Only the owner may read patients' texts.
const OWNER_ONLY: u32 = 0o600;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// File to write; it must not exist yet
    file: PathBuf,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Exported {
    reservations: usize,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { file, filter, format } = arguments;
    let cannot = || format!("cannot write `{}`", file.display());
    let waiting =
        with_engine(settings, IfMissing::Refused, async |backend| read(backend, &filter).await).await?;
    create(&file).and_then(|output| write(output, &waiting)).with_context(cannot)?;
    let exported = Exported { reservations: waiting.len() };
    format.print(&exported, || {
        let reservations = counted(exported.reservations as u64, "reservation", "reservations");
        let file = file.display();
        format!(
            "{reservations} written to `{file}`. The file contains patients' texts: keep it safe.\n\
             Fill in the column `decision` with a time, MORNING, AFTERNOON or nothing.\n\
             Next: daybook import review apply {file}"
        )
    })?;
    Ok(Exit::Done)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)
}

fn write(output: File, waiting: &[Unread]) -> io::Result<()> {
    write_file(BufWriter::new(output), waiting.iter().map(file_row))
}

async fn read(backend: &Backend, filter: &Filter) -> anyhow::Result<Vec<Unread>> {
    ReviewQueue::open(backend).await?.list(filter).await
}
