//! The events of a verified file, for code that works with a history without a log.
//!
//! Positions are the places in the file, from 1. They mean nothing in any log.

use std::io::{BufRead, Seek};

use super::Checksum;
use super::error::FileError;
use super::line::PortableEvent;
use super::reader::Reader;
use super::verify::Verified;
use crate::port::{Position, RecordedEvent};

/// Iterates over the events of a verified file. It ends after any error, such as a file that changed since it
/// was verified.
pub struct Events<R> {
    /// `None` after the end.
    reader: Option<Reader<R>>,
    sha256: Checksum,
}

impl<R: BufRead + Seek> Verified<R> {
    /// All events in order.
    ///
    /// # Errors
    /// If the file cannot be read again from the start.
    pub fn events(self) -> Result<Events<R>, FileError> {
        Ok(Events { reader: Some(Reader::open(self.file)?), sha256: self.summary.sha256 })
    }
}

impl<R: BufRead + Seek> Iterator for Events<R> {
    type Item = Result<RecordedEvent, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        let next = match reader.next() {
            Ok(Some(portable)) => Some(into_recorded(portable, reader.progress().events)),
            Ok(None) if reader.checksum() == self.sha256 => None,
            Ok(None) => Some(Err(FileError::Changed)),
            Err(error) => Some(Err(error)),
        };
        if !matches!(next, Some(Ok(_))) {
            self.reader = None;
        }
        next
    }
}

fn into_recorded(portable: PortableEvent, place: u64) -> Result<RecordedEvent, FileError> {
    let PortableEvent { line: _, stream, revision, event } = portable;
    let position = Position::new(place, place).map_err(|_| FileError::Changed)?;
    Ok(RecordedEvent {
        position,
        stream,
        revision,
        id: event.id,
        event_type: event.event_type.as_str().into(),
        payload: event.payload,
        metadata: event.metadata,
    })
}
