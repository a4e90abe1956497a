//! The events of a verified file as a log gives them out, for whoever reckons with a history without a log.
//!
//! Their positions are their places in the file, from 1: they mean nothing in any log.

use std::io::{BufRead, Seek};

use super::Checksum;
use super::error::FileError;
use super::line::PortableEvent;
use super::reader::Reader;
use super::verify::Verified;
use crate::port::{Position, RecordedEvent};

/// Goes through the events of a verified file. It ends with an error where the file has changed since it was verified, and
/// after any error.
pub struct Events<R> {
    /// None once it has ended.
    reader: Option<Reader<R>>,
    sha256: Checksum,
}

impl<R: BufRead + Seek> Verified<R> {
    /// Its events, from the first to the last.
    ///
    /// # Errors
    /// When the file cannot be read again from its beginning.
    pub fn events(self) -> Result<Events<R>, FileError> {
        Ok(Events { reader: Some(Reader::open(self.file)?), sha256: self.summary.sha256 })
    }
}

impl<R: BufRead + Seek> Iterator for Events<R> {
    type Item = Result<RecordedEvent, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        let next = match reader.next() {
            Ok(Some(portable)) => Some(record(portable, reader.progress().events)),
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

fn record(portable: PortableEvent, place: u64) -> Result<RecordedEvent, FileError> {
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
