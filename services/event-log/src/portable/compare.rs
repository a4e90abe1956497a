//! A verified file held against a log: whether both are one history, event by event and to the last byte.
//!
//! Nothing here appends, and nothing tells what an event says.

use std::io::{BufRead, Seek};

use futures_util::TryStreamExt;
use serde::Serialize;

use super::error::ImportError;
use super::reader::Reader;
use super::verify::Verified;
use super::{Progress, report_and_yield};
use crate::port::{EventLog, Filter, Position};

/// What holding a file against a log came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Events that are the same in both, from the first one on.
    pub events: u64,
    /// Position in the log of the last of them; [`Position::START`] where there is none.
    pub position: Position,
    /// Where they part; none where both hold the same.
    pub difference: Option<Difference>,
}

/// Where a file and a log part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// They have different events at the same place.
    Other {
        /// Line of the file, from 1.
        line: u64,
        /// Position in the log.
        position: Position,
    },
    /// The log has events that the file has not.
    LogGoesOn {
        /// Position of the first of them.
        position: Position,
    },
    /// The file has events that the log has not.
    LogEnds {
        /// Line of the first of them.
        line: u64,
    },
}

impl<R: BufRead + Seek> Verified<R> {
    /// Holds the file against a log that nobody writes to meanwhile.
    ///
    /// # Errors
    /// When either cannot be read, or the file has changed since it was verified.
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

/// Goes through a log and a file side by side, for as long as the log has events and they are the same. Where the log ends
/// first, the reader stands at what it lacks.
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
            Some(portable) if !portable.is(&recorded) => {
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
