//! Comparison of a verified file with a log: whether both hold the same events, byte for byte.
//!
//! It never appends, and no result contains text from an event.

use std::io::{BufRead, Seek};

use futures_util::TryStreamExt;
use serde::Serialize;

use super::error::ImportError;
use super::reader::Reader;
use super::verify::Verified;
use super::{Progress, report_and_yield};
use crate::port::{EventLog, Filter, Position};

/// Result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Equal events, from the first one on.
    pub events: u64,
    /// Position in the log of the last equal event, or [`Position::START`].
    pub position: Position,
    /// First difference, or `None` if file and log are equal.
    pub difference: Option<Difference>,
}

/// First difference between a file and a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The events at the same place differ.
    Other {
        /// Line of the file, from 1.
        line: u64,
        position: Position,
    },
    /// The log has events after the end of the file.
    LogGoesOn {
        /// Position of the first of them.
        position: Position,
    },
    /// The file has events after the end of the log.
    LogEnds {
        /// Line of the first of them.
        line: u64,
    },
}

impl<R: BufRead + Seek> Verified<R> {
    /// Compares the file with a log that nobody writes to meanwhile.
    ///
    /// # Errors
    /// If either cannot be read, or the file has changed since it was verified.
    pub async fn compare(
        self,
        log: &dyn EventLog,
        report: &dyn Fn(Progress),
    ) -> Result<Compared, ImportError> {
        let Self { file, summary } = self;
        let mut reader = Reader::open(file)?;
        let mut compared = compare_events(log, &mut reader, report).await?;
        if compared.difference.is_some() {
            return Ok(compared);
        }
        match reader.next()? {
            Some(next) => compared.difference = Some(Difference::LogEnds { line: next.line }),
            None if reader.checksum() != summary.sha256 => return Err(ImportError::ChangedMeanwhile),
            None => {}
        }
        Ok(compared)
    }
}

/// Compares event by event until the log ends or an event differs. If the log ends first, the reader is at
/// the first event that the log lacks.
pub(super) async fn compare_events<R: BufRead + Seek>(
    log: &dyn EventLog,
    reader: &mut Reader<R>,
    report: &dyn Fn(Progress),
) -> Result<Compared, ImportError> {
    let mut compared = Compared { events: 0, position: Position::START, difference: None };
    let mut existing = log.read_all(Position::START, &Filter::all()).await.map_err(ImportError::Read)?;
    while let Some(recorded) = existing.try_next().await.map_err(ImportError::Read)? {
        let position = recorded.position;
        compared.difference = match reader.next()? {
            None => Some(Difference::LogGoesOn { position }),
            Some(portable) if !portable.matches(&recorded) => {
                Some(Difference::Other { line: portable.line, position })
            }
            Some(_) => None,
        };
        if compared.difference.is_some() {
            break;
        }
        (compared.events, compared.position) = (compared.events + 1, position);
        report_and_yield(reader.progress(), report).await;
    }
    Ok(compared)
}
