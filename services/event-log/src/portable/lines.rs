//! Splits a file into lines, finds the last one, and hashes everything before it.
//!
//! It keeps one line at a time, and none longer than [`MAX_LINE_BYTES`].

use std::io::{BufRead, Read};

use sha2::{Digest, Sha256};

use super::error::{FileError, LineFault};
use super::{Checksum, MAX_LINE_BYTES};

pub(super) struct Lines<R> {
    source: R,
    hash: Sha256,
    bytes: u64,
    number: u64,
    line: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// A line that others follow. It is part of the checksum.
    Body,
    /// The last line. It is not part of the checksum.
    Trailer,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, hash: Sha256::new(), bytes: 0, number: 0, line: Vec::new() }
    }

    /// Reads the next line. At the end of the file, this is an empty last line.
    pub(super) fn advance(&mut self) -> Result<LineKind, FileError> {
        self.line.clear();
        self.number += 1;
        let mut bounded = (&mut self.source).take(MAX_LINE_BYTES as u64);
        bounded.read_until(b'\n', &mut self.line).map_err(FileError::Read)?;
        self.bytes += self.line.len() as u64;
        if self.source.fill_buf().map_err(FileError::Read)?.is_empty() {
            return Ok(LineKind::Trailer);
        }
        self.hash.update(&self.line);
        Ok(LineKind::Body)
    }

    /// The line, or `None` if its end was not reached.
    pub(super) fn text(&self) -> Option<&[u8]> {
        self.line.strip_suffix(b"\n")
    }

    /// The error for a line without an end.
    pub(super) const fn too_long(&self) -> FileError {
        FileError::Line { number: self.number, fault: LineFault::TooLong }
    }

    /// From 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Offset of the end of the line.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Checksum of everything before the last line, once that is reached.
    pub(super) fn checksum(&self) -> Checksum {
        Checksum::of(&self.hash)
    }
}
