//! A log as one file: how a history leaves an event log, and how it gets into another one.
//!
//! The file is text, one JSON object a line, so that any tool reads and compares it:
//!
//! 1. `{"daybook_events":1}`: what it is, and the version of its form;
//! 2. a line an event, in the order over all streams: `stream`, `revision`, `id`, `type`, `data`, `metadata`, the last
//!    two byte for byte as the log stores them;
//! 3. `{"events":…,"sha256":"…"}`: how many there are, and the SHA-256 of every byte before this line.
//!
//! Nothing in it depends on where and when it was written, so that two exports of one history are the same bytes; there
//! are no positions, because they belong to a log and not to a history. What is sealed stays sealed, and the keys are not
//! in it. Nothing here looks into an event, and no error says what one says.
//!
//! Where to look: [`export`] writes a file, [`verify`] reads one through and trusts none of it, and only what it has
//! passed can be imported ([`Verified::import`]), into a log of any kind, held against one ([`Verified::compare`]), or
//! reckoned with ([`Verified::events`]).

mod batch;
mod compare;
mod error;
mod events;
mod export;
mod history;
mod import;
mod line;
mod lines;
mod reader;
mod verify;
mod writer;

use std::fmt;

use serde::Serialize;
use sha2::digest::Output;
use sha2::{Digest, Sha256};

pub use compare::{Compared, Difference};
pub use error::{ExportError, FileError, ImportError, LineFault};
pub use events::Events;
pub use export::{Exported, export, export_until};
pub use import::Imported;
pub use verify::{Verified, verify};

use crate::port::{MAX_APPEND_BYTES, Position};

/// Version of the form that this release writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// The first line, without its end.
const HEADER: &str = r#"{"daybook_events":1}"#;

/// Bytes that a line may have: those of the largest event that a log takes, and its names.
pub const MAX_LINE_BYTES: usize = MAX_APPEND_BYTES + 4096;

/// So many events are taken between two looks around: progress is told, and whoever waits on the same task gets a turn.
/// Files are read and written without waiting, and could otherwise not be interrupted.
const EVENTS_PER_REPORT: u64 = 512;

/// How far an export, a check or an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events that were read or written.
    pub events: u64,
    /// Bytes of the file that were read or written.
    pub bytes: u64,
    /// Where an export is in the log; [`Position::START`] where a file is read.
    pub position: Position,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Events.
    pub events: u64,
    /// Streams they belong to.
    pub streams: u64,
    /// Size of the whole file.
    pub bytes: u64,
    /// SHA-256 of every byte before the last line. Two files with the same hold the same history.
    pub sha256: Checksum,
}

/// A SHA-256, shown as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Checksum(Box<str>);

impl Checksum {
    fn of(hash: &Sha256) -> Self {
        let bytes: Output<Sha256> = hash.clone().finalize();
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Tells how far it is and lets others have a turn, now and then.
async fn report_and_yield(progress: Progress, report: &dyn Fn(Progress)) {
    if progress.events.is_multiple_of(EVENTS_PER_REPORT) {
        report(progress);
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests;
