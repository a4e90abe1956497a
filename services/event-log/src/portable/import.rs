//! Imports a verified file into a log, which then holds the same events with the same ids and revisions in
//! the same order.
//!
//! To continue an interrupted import, run it again: it compares the log with the file and appends the rest.
//! It must never append to a log that holds other events.

use std::io::{BufRead, Seek};

use serde::Serialize;

use super::batch::Batch;
use super::compare::{Difference, compare_events};
use super::error::ImportError;
use super::reader::Reader;
use super::verify::Verified;
use super::{Progress, Summary, report_and_yield};
use crate::backoff::Backoff;
use crate::port::{AppendError, EventLog, Position};

/// Attempts per append. Each adapter also waits by itself, so this outlasts the restart of a database.
const MAX_ATTEMPTS: u32 = 5;

/// Result of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Contents of the file, and now of the log.
    #[serde(flatten)]
    pub summary: Summary,
    /// Events that an earlier import had appended.
    pub already_there: u64,
    /// Events appended now.
    pub appended: u64,
    /// Position of the last event in this log, or [`Position::START`] if the file is empty.
    pub position: Position,
}

impl<R: BufRead + Seek> Verified<R> {
    /// Appends the events to a log that is empty or holds the beginning of this file. Nobody else may write
    /// to the log meanwhile.
    ///
    /// # Errors
    /// If the log holds other events or did not accept one. Appended events stay, and the same import
    /// continues after them.
    pub async fn import(
        self,
        log: &dyn EventLog,
        report: &dyn Fn(Progress),
    ) -> Result<Imported, ImportError> {
        let Self { file, summary } = self;
        let mut reader = Reader::open(file)?;
        let last_existing = skip_existing(log, &mut reader, report).await?;
        let already_there = reader.progress().events;
        let appended = append_rest(log, &mut reader, report).await?;
        if reader.checksum() != summary.sha256 {
            return Err(ImportError::ChangedMeanwhile);
        }
        Ok(Imported {
            already_there,
            appended: reader.progress().events - already_there,
            position: appended.unwrap_or(last_existing),
            summary,
        })
    }
}

/// Skips events that the log already holds. Returns the position of the last one.
async fn skip_existing<R: BufRead + Seek>(
    log: &dyn EventLog,
    reader: &mut Reader<R>,
    report: &dyn Fn(Progress),
) -> Result<Position, ImportError> {
    let compared = compare_events(log, reader, report).await?;
    match compared.difference {
        // The rest is appended below.
        None | Some(Difference::LogEnds { .. }) => Ok(compared.position),
        Some(Difference::Other { line, position }) => Err(ImportError::OtherHistory { position, line }),
        Some(Difference::LogGoesOn { position }) => Err(ImportError::GoneOn { position }),
    }
}

/// Appends the rest of the file. Returns the position of the last event, or `None` if there was no rest.
async fn append_rest<R: BufRead + Seek>(
    log: &dyn EventLog,
    reader: &mut Reader<R>,
    report: &dyn Fn(Progress),
) -> Result<Option<Position>, ImportError> {
    let Some(first) = reader.next()? else { return Ok(None) };
    let mut batch = Batch::new(first);
    while let Some(portable) = reader.next()? {
        if let Some(portable) = batch.try_push(portable) {
            append(log, std::mem::replace(&mut batch, Batch::new(portable))).await?;
        }
        report_and_yield(reader.progress(), report).await;
    }
    append(log, batch).await.map(Some)
}

/// Appends a batch and waits for it, so that the next batch follows it in the log.
async fn append(log: &dyn EventLog, batch: Batch) -> Result<Position, ImportError> {
    let (line, expected) = (batch.line, batch.expected());
    let mut backoff = Backoff::new();
    let mut attempt = 1;
    loop {
        match log.append(&batch.stream, expected, batch.events.clone()).await {
            Ok(appended) => return Ok(appended.position),
            Err(AppendError::RevisionConflict { .. }) => return Err(ImportError::Disturbed { line }),
            // A retry with the same ids shows whether the last attempt was recorded.
            Err(AppendError::Unavailable(_) | AppendError::Unknown(_)) if attempt < MAX_ATTEMPTS => {}
            Err(source) => return Err(ImportError::Append { line, source }),
        }
        attempt += 1;
        tokio::time::sleep(backoff.next_wait()).await;
    }
}
