//! Reads a file event by event and checks its last line.
//!
//! It must never report the end of a file before it has found the last line valid.

use std::io::{BufRead, Seek, SeekFrom};

use super::error::FileError;
use super::line::{Header, PortableEvent, Trailer};
use super::lines::{LineKind, Lines};
use super::{Checksum, FORMAT_VERSION, HEADER, Progress};
use crate::port::Position;

pub(super) struct Reader<R> {
    lines: Lines<R>,
    events: u64,
}

impl<R: BufRead + Seek> Reader<R> {
    /// Reads the first line of a file.
    pub(super) fn open(mut source: R) -> Result<Self, FileError> {
        source.seek(SeekFrom::Start(0)).map_err(FileError::Read)?;
        let mut lines = Lines::new(source);
        let kind = lines.advance()?;
        let header = lines.text().ok_or(FileError::NotAnExport)?;
        if header != HEADER.as_bytes() {
            return Err(describe_header(header));
        }
        match kind {
            LineKind::Body => Ok(Self { lines, events: 0 }),
            LineKind::Trailer => Err(FileError::CutShort),
        }
    }

    /// The next event, or `None` at the end of a complete file. After an error in one line, the next call
    /// continues with the following line.
    pub(super) fn next(&mut self) -> Result<Option<PortableEvent>, FileError> {
        match self.lines.advance()? {
            LineKind::Trailer => self.check_end().map(|()| None),
            LineKind::Body => self.read_event().map(Some),
        }
    }

    fn read_event(&mut self) -> Result<PortableEvent, FileError> {
        // An unreadable line counts as an event, as it does in the trailer.
        self.events += 1;
        let number = self.lines.number();
        let text = self.lines.text().ok_or_else(|| self.lines.too_long())?;
        PortableEvent::read(number, text).map_err(|fault| FileError::Line { number, fault })
    }

    fn check_end(&self) -> Result<(), FileError> {
        let text = self.lines.text().ok_or(FileError::CutShort)?;
        let trailer: Trailer<'_> = serde_json::from_slice(text).map_err(|_| FileError::CutShort)?;
        let is_sound = trailer.events == self.events && *trailer.sha256 == *self.lines.checksum().0;
        if is_sound { Ok(()) } else { Err(FileError::Changed) }
    }

    pub(super) const fn progress(&self) -> Progress {
        Progress { events: self.events, bytes: self.lines.bytes(), position: Position::START }
    }

    /// Checksum of everything before the last line, once that is reached.
    pub(super) fn checksum(&self) -> Checksum {
        self.lines.checksum()
    }
}

/// The error for a first line other than ours.
fn describe_header(line: &[u8]) -> FileError {
    match serde_json::from_slice(line) {
        Ok(Header { daybook_events: version }) if version > FORMAT_VERSION => {
            FileError::NewerForm { version }
        }
        Ok(Header { .. }) | Err(_) => FileError::NotAnExport,
    }
}
