//! Verifies a whole file before any of it is appended: complete, unchanged, and a valid history.

use std::io::{BufRead, Seek};

use super::error::FileError;
use super::history::HistoryChecker;
use super::reader::Reader;
use super::{Progress, Summary, report_and_yield};

/// A verified file. No other file can be imported.
#[derive(Debug)]
pub struct Verified<R> {
    pub(super) file: R,
    pub(super) summary: Summary,
}

impl<R> Verified<R> {
    /// Contents of the file.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// Reads a file from start to end and checks all of it.
///
/// # Errors
/// For an intact file, the first invalid line. For any other, that it is cut short or changed: then errors in
/// its lines mean nothing.
pub async fn verify<R: BufRead + Seek>(
    mut file: R,
    report: &dyn Fn(Progress),
) -> Result<Verified<R>, FileError> {
    let mut reader = Reader::open(&mut file)?;
    let mut history = HistoryChecker::default();
    let mut first_fault = None;
    loop {
        let checked = match reader.next() {
            Ok(None) => break,
            Ok(Some(event)) => {
                history.record(&event).map_err(|fault| FileError::Line { number: event.line, fault })
            }
            Err(error @ FileError::Line { .. }) => Err(error),
            Err(error) => return Err(error),
        };
        first_fault = first_fault.or(checked.err());
        report_and_yield(reader.progress(), report).await;
    }
    if let Some(fault) = first_fault {
        return Err(fault);
    }
    let Progress { events, bytes, .. } = reader.progress();
    let summary = Summary { events, streams: history.streams(), bytes, sha256: reader.checksum() };
    Ok(Verified { file, summary })
}
