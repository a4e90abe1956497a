//! Cuts a file into lines, tells the last one from the others, and sums up what is before it.
//!
//! It must never keep more than one line, and no line longer than [`MAX_LINE_BYTES`].

use std::io::{BufRead, Read};

use sha2::{Digest, Sha256};

use super::error::{FileError, LineFault};
use super::{Checksum, MAX_LINE_BYTES};

/// The lines of a file.
pub(super) struct Lines<R> {
    source: R,
    hash: Sha256,
    bytes: u64,
    number: u64,
    line: Vec<u8>,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// There are more after it. It is summed up.
    Body,
    /// It is the last. It is not summed up.
    Trailer,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn of(source: R) -> Self {
        Self { source, hash: Sha256::new(), bytes: 0, number: 0, line: Vec::new() }
    }

    /// Goes on to the next line. At the end of the file, what is left is an empty last line.
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

    /// The text of the line; none where its end was not reached.
    pub(super) fn text(&self) -> Option<&[u8]> {
        self.line.strip_suffix(b"\n")
    }

    /// What to say of a line whose end was not reached.
    pub(super) const fn too_long(&self) -> FileError {
        FileError::Line { number: self.number, fault: LineFault::TooLong }
    }

    /// The line's number, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Bytes up to the end of the line.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Of all bytes before the last line, once that is reached.
    pub(super) fn checksum(&self) -> Checksum {
        Checksum::of(&self.hash)
    }
}
