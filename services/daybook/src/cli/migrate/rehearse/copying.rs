//! The copy of the log and the keys that a rehearsal works on.
//!
//! Keys go from one program to the other and never into a file. What is written where the log is elsewhere is the log alone,
//! with all that is sealed in it, into a file without a name.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Seek, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use daybook_event_log::Position;
use daybook_event_log::portable;
use daybook_projections::Snapshot;
use uuid::Uuid;

use crate::cli::backup::tools::{Content, Tools};
use crate::settings::Settings;
use crate::wiring::{Backend, Restored, Scratch, log_kind};

/// Copies the log up to one point of it, and opens the copy; gives that point as well.
pub(super) async fn copy(
    settings: &Settings,
    backend: &Backend,
    scratch: &Scratch,
) -> anyhow::Result<(Restored, Position)> {
    // Where the log is elsewhere, the keys of all that is up to here are in the database before the snapshot is taken.
    let end = backend.log.head().await?;
    let mut client = backend.pool.get().await?;
    let tools = Tools::find(&backend.config, &client).await?;
    let moment = Snapshot::take(&mut client).await?;
    for content in [Content::Database, Content::History] {
        hand_over(&tools, content, &moment, scratch).await?;
    }
    let restored = scratch.open(settings).await?;
    if log_kind(settings) == restored.log.connection().adapter {
        let copied_to = restored.log.head().await?;
        return Ok((restored, copied_to));
    }
    copy_events(backend, end, &restored).await?;
    Ok((restored, end))
}

/// A dump that is restored while it is made.
async fn hand_over(
    tools: &Tools,
    content: Content,
    moment: &Snapshot<'_>,
    scratch: &Scratch,
) -> anyhow::Result<()> {
    let (reader, writer) = pipe().context("cannot make a pipe")?;
    let dump = async {
        // Its end is the end of what is restored.
        let out = File::from(OwnedFd::from(writer));
        tools.dump(content, moment.snapshot(), &out).await
    };
    let restore = tools.restore(File::from(OwnedFd::from(reader)), scratch.name());
    // Whichever fails first is at fault: the other one fails because of it.
    tokio::try_join!(dump, restore).map(drop)
}

async fn copy_events(backend: &Backend, end: Position, restored: &Restored) -> anyhow::Result<()> {
    let mut file = unnamed_file()?;
    portable::export_until(&*backend.log, end, BufWriter::new(&file), &|_| {}).await?;
    file.rewind()?;
    let exported = portable::verify(BufReader::new(file), &|_| {}).await?;
    restored.import(exported).await
}

/// A file that nobody else can open, and that is gone with this process.
fn unnamed_file() -> anyhow::Result<File> {
    let path = std::env::temp_dir().join(format!("daybook-rehearsal-{}", Uuid::new_v4()));
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create_new(true).mode(0o600).open(&path);
    let file =
        opened.with_context(|| format!("cannot make a file in `{}`", std::env::temp_dir().display()))?;
    std::fs::remove_file(&path).with_context(|| format!("cannot remove `{}`", path.display()))?;
    Ok(file)
}
