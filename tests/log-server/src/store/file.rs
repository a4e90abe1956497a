//! The file behind a log: one message for each append, with its length in front, only ever added to.
//!
//! An append is written before it is acknowledged, so that it outlives a killed process. It is not forced to the disk:
//! nothing here is meant to survive a power cut.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use prost::Message;

use super::record::Record;
use crate::protocol::stored::Append;

#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    /// How much of the file is complete appends.
    length_bytes: u64,
}

impl LogFile {
    /// Opens or makes the file, and gives back the appends in it. A torn one at the end, which was never acknowledged, is
    /// cut off.
    ///
    /// # Errors
    /// `InvalidData` where the file is something else; it is left as it is then.
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

    /// Adds one append. After an error the file is as it was.
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

/// The appends that are whole, and how many bytes they take. Only the last may be torn; anything else is no log, and must
/// not be cut off.
fn complete_appends(mut content: &[u8]) -> io::Result<(Vec<Append>, usize)> {
    let all = content.len();
    let (mut appends, mut complete) = (Vec::new(), 0);
    while let Some(bytes) = next_append(&mut content) {
        appends.push(Append::decode(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?);
        complete = all - content.len();
    }
    Ok((appends, complete))
}

/// Takes the bytes of the next append; `None` at the end, and where it is torn.
fn next_append<'a>(content: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = prost::decode_length_delimiter(&mut *content).ok()?;
    let (append, rest) = content.split_at_checked(length)?;
    *content = rest;
    Some(append)
}
