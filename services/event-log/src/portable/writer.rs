//! Writes a file line by line, and counts and hashes what it writes.
//!
//! It must never write anything that does not come from the events: no time, no path, no program version.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::ExportError;
use super::line::{EventLine, Trailer};
use super::{Checksum, HEADER, Progress, Summary};
use crate::port::{RecordedEvent, StreamName};

pub(super) struct Writer<W> {
    out: W,
    hash: Sha256,
    progress: Progress,
    streams: HashSet<StreamName>,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the first line.
    pub(super) fn begin(out: W) -> io::Result<Self> {
        let mut writer = Self {
            out,
            hash: Sha256::new(),
            progress: Progress::default(),
            streams: HashSet::new(),
            line: HEADER.as_bytes().to_vec(),
        };
        writer.put_line()?;
        Ok(writer)
    }

    pub(super) fn put(&mut self, event: &RecordedEvent) -> Result<(), ExportError> {
        let not_one_line = ExportError::NotOneLine { position: event.position };
        let line = EventLine::from_event(event).ok_or(not_one_line)?;
        self.write_json(&line).and_then(|()| self.put_line()).map_err(ExportError::Write)?;
        self.progress.events += 1;
        self.progress.position = event.position;
        if !self.streams.contains(&event.stream) {
            self.streams.insert(event.stream.clone());
        }
        Ok(())
    }

    pub(super) const fn progress(&self) -> Progress {
        self.progress
    }

    /// Writes the last line, which completes the file.
    pub(super) fn finish(mut self) -> io::Result<Summary> {
        let sha256 = Checksum::of(&self.hash);
        let events = self.progress.events;
        self.write_json(&Trailer { events, sha256: Cow::Borrowed(&sha256.0) })?;
        self.put_line()?;
        self.out.flush()?;
        let (streams, bytes) = (self.streams.len() as u64, self.progress.bytes);
        Ok(Summary { events, streams, bytes, sha256 })
    }

    fn write_json(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value).map_err(Into::into)
    }

    fn put_line(&mut self) -> io::Result<()> {
        self.line.push(b'\n');
        self.hash.update(&self.line);
        self.progress.bytes += self.line.len() as u64;
        self.out.write_all(&self.line)
    }
}
