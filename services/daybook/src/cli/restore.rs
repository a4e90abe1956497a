//! `daybook restore`: verifies a backup beside the live database, or restores it into an empty one.
//!
//! It must never change a database in use, except to record that a backup was verified.

mod into_empty;
mod report;
mod verify;

use std::fs::File;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tokio::task::spawn_blocking;

use super::backup::folder::{Backup, DATABASE_FILE, HISTORY_FILE};
use super::backup::tools::Tools;
use super::signals::interruptible;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, ProgressBar};
use crate::settings::Settings;

#[derive(Args)]
pub(super) struct Arguments {
    /// Folder that `daybook backup` wrote
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Verify the backup in a scratch database that is dropped again; exit code 1 if anything differs
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) const TWO_WAYS: &str = "\
With --verify, the backup is restored into a scratch database of the same server. Its log is compared with its export, and its \
views are built and compared with their digests in the backup. The live database is not changed. The account has to be allowed \
to create databases.

Without --verify, the backup is restored into an empty database: a new data dir, or a new database of --database-url. Set the \
master key first (DAYBOOK_MASTER_KEY), because the backup does not contain it. Next: daybook serve.";

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { folder, verify, confirmation, format } = arguments;
    let backup = Backup::open(&folder)?;
    let progress_bar = ProgressBar::new("events");
    progress_bar.start("checking the files");
    let backup = check(backup).await?;
    match verify {
        true => verify::run(settings, &backup, progress_bar, format).await,
        false => {
            interruptible(into_empty::run(settings, &backup, progress_bar, (confirmation, format))).await
        }
    }
}

async fn check(backup: Backup) -> anyhow::Result<Backup> {
    spawn_blocking(move || backup.check_files().map(|()| backup)).await?
}

/// Restores both dumps. The migration history comes last: every command refuses a database without it.
async fn restore_dumps(tools: &Tools, backup: &Backup, database: &str) -> anyhow::Result<()> {
    for name in [DATABASE_FILE, HISTORY_FILE] {
        let path = backup.file(name);
        let file = File::open(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
        tools.restore(file, database).await?;
    }
    Ok(())
}
