//! The log's append-only file: one length-prefixed message for each append.
//!
//! The store writes an append before it acknowledges it, so the append survives a killed process. It does not sync
//! the file, because the log does not need to survive a power failure.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use prost::Message;

use super::record::Record;
use crate::protocol::stored::Append;

#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    /// The total size of the complete appends, in bytes.
    length_bytes: u64,
}

impl LogFile {
    /// Opens or creates the file and returns its appends. Truncates an incomplete append at the end, because it was
    /// never acknowledged.
    ///
    /// # Errors
    /// Returns `InvalidData` if the file is not a log. The file is then unchanged.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Vec<Append>)> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let (appends, length) = complete_appends(&content)?;
        let length_bytes = u64::try_from(length).map_err(io::Error::other)?;
        file.set_len(length_bytes)?;
        file.seek(SeekFrom::End(0))?;
        Ok((Self { file, length_bytes }, appends))
    }

    /// Adds one append. An error leaves the file unchanged.
    pub(crate) fn add(&mut self, records: &[Record]) -> io::Result<()> {
        let append = Append { events: records.iter().map(Record::to_stored).collect() };
        let bytes = append.encode_length_delimited_to_vec();
        if let Err(error) = self.file.write_all(&bytes) {
            self.file.set_len(self.length_bytes)?;
            self.file.seek(SeekFrom::End(0))?;
            return Err(error);
        }
        self.length_bytes += u64::try_from(bytes.len()).map_err(io::Error::other)?;
        Ok(())
    }
}

/// Returns the complete appends and their total size in bytes. Only the last append may be incomplete. Any other
/// content is not a log and must not be truncated.
fn complete_appends(mut content: &[u8]) -> io::Result<(Vec<Append>, usize)> {
    let all = content.len();
    let (mut appends, mut complete) = (Vec::new(), 0);
    while let Some(bytes) = next_append(&mut content) {
        appends.push(Append::decode(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?);
        complete = all - content.len();
    }
    Ok((appends, complete))
}

/// Takes the bytes of the next append. Returns `None` at the end or if the append is incomplete.
fn next_append<'a>(content: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = prost::decode_length_delimiter(&mut *content).ok()?;
    let (append, rest) = content.split_at_checked(length)?;
    *content = rest;
    Some(append)
}
