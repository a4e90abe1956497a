//! Errors of exports, of files and of imports. None contains text from an event.

use std::io;

use super::FORMAT_VERSION;
use crate::port::{AppendError, EventId, Position, ReadError, Revision, StreamName};

/// Why a log was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log could not be read to its end.
    #[error("the event log could not be read to its end")]
    Read(#[source] ReadError),
    /// The file could not be written.
    #[error("the export could not be written")]
    Write(#[source] io::Error),
    /// Another program wrote the event: its JSON has line breaks or surrounding white space, or is not JSON.
    #[error(
        "the event at position {position} is not one-line JSON as Daybook writes it, so it cannot be exported"
    )]
    NotOneLine { position: Position },
}

/// Why a file is refused. Nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the file could not be read")]
    Read(#[source] io::Error),
    /// It does not start like an export.
    #[error("this is not an export of an event log: its first line is missing or different")]
    NotAnExport,
    /// Its format is newer than this release.
    #[error(
        "the file has format {version}, but this release reads format {FORMAT_VERSION}; use the release that wrote it"
    )]
    NewerForm {
        /// Version in its first line.
        version: u32,
    },
    /// It does not end like an export.
    #[error("the file is cut short: the last line of an export is missing; copy or export it again")]
    CutShort,
    /// Its checksum or its number of events does not match.
    #[error(
        "the file was changed after it was written: its checksum does not match; copy or export it again"
    )]
    Changed,
    /// The file is intact, but one of its events cannot be imported.
    #[error("line {number} of the file cannot be imported")]
    Line {
        /// From 1.
        number: u64,
        #[source]
        fault: LineFault,
    },
}

/// Why an event of a file cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// The line is longer than the largest event.
    #[error("it is longer than the largest event")]
    TooLong,
    /// The line is not an event.
    #[error("it is not a valid event, at or before column {column}")]
    Form {
        /// In bytes, from 1, or 0 if unknown.
        column: usize,
    },
    /// The type is no name, or the file has more than 1000 types.
    #[error("its event type is not a name")]
    InvalidType,
    /// An event before it is missing or duplicated.
    #[error("{stream} has revision {found}, but revision {due} is next")]
    Revision {
        stream: StreamName,
        /// Revision that would be next.
        due: Revision,
        found: Revision,
    },
    /// An earlier event has the same id.
    #[error("an earlier event has the same id {0}")]
    DuplicateId(EventId),
    /// The event is larger than any log accepts.
    #[error("the event has {bytes} bytes, but a log accepts at most {limit}")]
    TooLarge {
        /// Bytes of data and metadata.
        bytes: usize,
        /// Upper bound, in bytes.
        limit: usize,
    },
}

/// Why a file was not imported completely. Appended events stay, and the same import continues after them.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    /// The file changed after it was verified.
    #[error("the file changed during the import; import it again into an empty log")]
    ChangedMeanwhile,
    /// The log holds other events. Nothing was appended.
    #[error(
        "the event log holds other events than this file: its event at position {position} differs from line {line}. \
         Import into an empty log, or into one where an import of this file was interrupted"
    )]
    OtherHistory {
        /// First event of the log that differs.
        position: Position,
        /// Line of the file at that place.
        line: u64,
    },
    /// The log holds the whole file and more. Nothing was appended.
    #[error(
        "the event log already holds this file and continues after it, from position {position}: nothing to import"
    )]
    GoneOn {
        /// First event that the file does not have.
        position: Position,
    },
    /// The log could not be read for the comparison.
    #[error("the event log could not be read")]
    Read(#[source] ReadError),
    /// Another process appends to the log.
    #[error(
        "another process wrote to the event log during the import, before line {line}: stop it, and import again \
         into an empty log"
    )]
    Disturbed {
        /// First event that was not appended.
        line: u64,
    },
    /// The log did not accept some events.
    #[error(
        "the events from line {line} on could not be appended; run the same import again to continue there"
    )]
    Append {
        /// First event that is not known to be recorded.
        line: u64,
        #[source]
        source: AppendError,
    },
}
