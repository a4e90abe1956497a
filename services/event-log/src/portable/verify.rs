//! Reads a file through before anything of it is appended: whole, unchanged, and every event fit to follow those before.

use std::io::{BufRead, Seek};

use super::error::FileError;
use super::history::HistoryChecker;
use super::reader::Reader;
use super::{Progress, Summary, report_and_yield};

/// A file that is sound to its last byte. Only such a one can be imported.
#[derive(Debug)]
pub struct Verified<R> {
    pub(super) file: R,
    pub(super) summary: Summary,
}

impl<R> Verified<R> {
    /// What it holds.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// Reads a file from its beginning to its end and checks all of it.
///
/// # Errors
/// The first fault of a file that is as it was written; of one that is not, that it is cut short or changed: what its
/// lines say then means nothing.
pub async fn verify<R: BufRead + Seek>(
    mut file: R,
    report: &dyn Fn(Progress),
) -> Result<Verified<R>, FileError> {
    let mut reader = Reader::open(&mut file)?;
    let mut history = HistoryChecker::default();
    let mut first_fault = None;
    loop {
        let entered = match reader.next() {
            Ok(None) => break,
            Ok(Some(event)) => {
                history.record(&event).map_err(|fault| FileError::Line { number: event.line, fault })
            }
            Err(error @ FileError::Line { .. }) => Err(error),
            Err(error) => return Err(error),
        };
        first_fault = first_fault.or(entered.err());
        report_and_yield(reader.progress(), report).await;
    }
    if let Some(fault) = first_fault {
        return Err(fault);
    }
    let Progress { events, bytes, .. } = reader.progress();
    let summary = Summary { events, streams: history.streams(), bytes, sha256: reader.checksum() };
    Ok(Verified { file, summary })
}
