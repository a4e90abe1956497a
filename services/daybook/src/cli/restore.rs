//! `daybook restore`: a backup proven beside the live database, or put into an empty one.
//!
//! Neither ever changes anything in a database that holds a clinic's book but to record that a backup was proven.

mod proving;
mod putting_back;
mod report;

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
    /// The folder that `daybook backup` has made
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Prove that it can be restored, in a scratch database that is dropped again, and touch nothing else
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

/// What both ways are, and what they need.
pub(super) const TWO_WAYS: &str = "\
With --verify the backup is restored into a scratch database of the same server, its log is held against its export, and the \
views are built from it and compared with what they held when the backup was made. The live database is not touched; the \
account has to be allowed to make databases.

Without it the backup is restored for good, into a database that is empty: a new data dir, or a new database of \
--database-url. Set the master key first (DAYBOOK_MASTER_KEY), since a backup does not hold it. Then `daybook serve`.";

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { folder, verify, consent, format } = arguments;
    let backup = Backup::open(&folder)?;
    let meter = ProgressBar::new("events");
    meter.enter("checking the files");
    let backup = check(backup).await?;
    match verify {
        true => proving::run(settings, &backup, meter, format).await,
        false => interruptible(putting_back::run(settings, &backup, meter, (consent, format))).await,
    }
}

async fn check(backup: Backup) -> anyhow::Result<Backup> {
    spawn_blocking(move || backup.check_files().map(|()| backup)).await?
}

/// Restores both dumps. The history comes last: a database without it is refused by everybody.
async fn restore_dumps(tools: &Tools, backup: &Backup, database: &str) -> anyhow::Result<()> {
    for name in [DATABASE_FILE, HISTORY_FILE] {
        let path = backup.file(name);
        let file = File::open(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
        tools.restore(file, database).await?;
    }
    Ok(())
}
