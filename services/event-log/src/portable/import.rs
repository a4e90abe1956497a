//! From a verified file into a log, which afterwards holds the same events with the same ids at the same revisions, in the
//! same order over all streams.
//!
//! An import that was broken off is run again: what the log holds then is compared with the file, and it goes on after it.
//! It must never append to a log that holds anything else.

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

/// How often one append is tried, at most. Every adapter is patient by itself: this outlasts the restart of a database.
const MAX_ATTEMPTS: u32 = 5;

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// What the file holds, and the log now.
    #[serde(flatten)]
    pub summary: Summary,
    /// Events that an earlier import of the file had appended.
    pub already_there: u64,
    /// Events that were appended now.
    pub appended: u64,
    /// Position of the last event in this log; [`Position::START`] where the file has none.
    pub position: Position,
}

impl<R: BufRead + Seek> Verified<R> {
    /// Appends what the file holds to a log that is empty, or holds the beginning of this very file. Nobody else may write
    /// to it meanwhile.
    ///
    /// # Errors
    /// When the log holds something else, or did not take an event. What was appended stays, and importing again goes on
    /// after it.
    pub async fn import(
        self,
        log: &dyn EventLog,
        report: &dyn Fn(Progress),
    ) -> Result<Imported, ImportError> {
        let Self { file, summary } = self;
        let mut reader = Reader::open(file)?;
        let there = skip_existing(log, &mut reader, report).await?;
        let already_there = reader.progress().events;
        let appended = append_rest(log, &mut reader, report).await?;
        if reader.checksum() != summary.sha256 {
            return Err(ImportError::ChangedMeanwhile);
        }
        Ok(Imported {
            already_there,
            appended: reader.progress().events - already_there,
            position: appended.unwrap_or(there),
            summary,
        })
    }
}

/// Reads past what the log holds already; gives the position of its last event.
async fn skip_existing<R: BufRead + Seek>(
    log: &dyn EventLog,
    reader: &mut Reader<R>,
    report: &dyn Fn(Progress),
) -> Result<Position, ImportError> {
    let compared = compare_events(log, reader, report).await?;
    match compared.difference {
        // An import appends what is left.
        None | Some(Difference::LogEnds { .. }) => Ok(compared.position),
        Some(Difference::Other { line, position }) => Err(ImportError::OtherHistory { position, line }),
        Some(Difference::LogGoesOn { position }) => Err(ImportError::GoneOn { position }),
    }
}

/// Appends all that is left in the file; gives the position of the last event, none where nothing was left.
async fn append_rest<R: BufRead + Seek>(
    log: &dyn EventLog,
    reader: &mut Reader<R>,
    report: &dyn Fn(Progress),
) -> Result<Option<Position>, ImportError> {
    let Some(first) = reader.next()? else { return Ok(None) };
    let mut batch = Batch::of(first);
    while let Some(portable) = reader.next()? {
        if let Some(portable) = batch.take(portable) {
            append(log, std::mem::replace(&mut batch, Batch::of(portable))).await?;
        }
        report_and_yield(reader.progress(), report).await;
    }
    append(log, batch).await.map(Some)
}

/// Appends a batch and waits for it, so that the next one comes after it in the order over all streams.
async fn append(log: &dyn EventLog, batch: Batch) -> Result<Position, ImportError> {
    let (line, expected) = (batch.line, batch.expected());
    let mut backoff = Backoff::new();
    let mut attempt = 1;
    loop {
        match log.append(&batch.stream, expected, batch.events.clone()).await {
            Ok(appended) => return Ok(appended.position),
            Err(AppendError::RevisionConflict { .. }) => return Err(ImportError::Disturbed { line }),
            // The same ids at the same place: whether the last attempt stands comes out by trying again.
            Err(AppendError::Unavailable(_) | AppendError::Unknown(_)) if attempt < MAX_ATTEMPTS => {}
            Err(source) => return Err(ImportError::Append { line, source }),
        }
        attempt += 1;
        tokio::time::sleep(backoff.next_wait()).await;
    }
}
