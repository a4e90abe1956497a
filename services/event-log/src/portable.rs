//! A log as one file: export, verification, comparison and import.
//!
//! The file is text, one JSON object per line, so that any tool can read and compare it:
//!
//! 1. `{"daybook_events":1}`: the kind of file and the version of its format;
//! 2. one line per event, in the order of the log: `stream`, `revision`, `id`, `type`, `data`, `metadata`, the last two
//!    byte for byte as stored;
//! 3. `{"events":…,"sha256":"…"}`: the number of events, and the SHA-256 of everything before this line.
//!
//! Two exports of the same history are identical: a file contains no time, no place, and no positions, which belong to
//! one log. Sealed texts stay sealed, and the file contains no keys. Nothing here reads a payload, and no error
//! contains text from one.
//!
//! [`export`] writes a file and [`verify`] checks one. Only a verified file can be imported into any kind of log
//! ([`Verified::import`]), compared with one ([`Verified::compare`]), or iterated over ([`Verified::events`]).

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

/// Version of the format that this release writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// The first line, without its line break.
const HEADER: &str = r#"{"daybook_events":1}"#;

/// Longest line: the largest event that a log accepts, and its names.
pub const MAX_LINE_BYTES: usize = MAX_APPEND_BYTES + 4096;

/// Events between two progress reports. A report also yields, because file I/O does not, so the task could
/// not be interrupted otherwise.
const EVENTS_PER_REPORT: u64 = 512;

/// Progress of an export, a verification, a comparison or an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events read or written.
    pub events: u64,
    /// Bytes of the file read or written.
    pub bytes: u64,
    /// Position of an export in the log; [`Position::START`] while a file is read.
    pub position: Position,
}

/// Contents of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub events: u64,
    pub streams: u64,
    /// Size of the whole file.
    pub bytes: u64,
    /// SHA-256 of everything before the last line. Files with equal checksums hold the same history.
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

async fn report_and_yield(progress: Progress, report: &dyn Fn(Progress)) {
    if progress.events.is_multiple_of(EVENTS_PER_REPORT) {
        report(progress);
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests;
