//! What can go wrong with a file of events and with its way. Nothing here holds, or may show, what an event says.

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
    /// An event that Daybook has not written: its JSON has line breaks, blanks around it, or is none.
    #[error(
        "the event at position {position} is not JSON on one line, as Daybook writes it; no export can hold it"
    )]
    NotOneLine {
        /// Where it stands.
        position: Position,
    },
}

/// Why a file is not taken. Nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be read.
    #[error("the file could not be read")]
    Read(#[source] io::Error),
    /// It does not begin as an export does.
    #[error("this is no export of an event log: its first line does not say so")]
    NotAnExport,
    /// Its form is newer than this release.
    #[error(
        "the file has form {version}, this release reads {FORMAT_VERSION}; use the release that wrote it"
    )]
    NewerForm {
        /// The version that its first line names.
        version: u32,
    },
    /// It does not end as an export does.
    #[error("the file is cut short: its last line is not that of a whole export; copy or export it again")]
    CutShort,
    /// Its bytes are not those that were written.
    #[error(
        "the file was changed after it was written: its last line does not fit the others; copy or export it again"
    )]
    Changed,
    /// It is as it was written, and one of its events cannot be taken.
    #[error("line {number} of the file cannot be imported")]
    Line {
        /// From 1.
        number: u64,
        /// What is wrong with it.
        #[source]
        fault: LineFault,
    },
}

/// Why an event of a file cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// The line is longer than that of any event.
    #[error("it is longer than that of the largest event")]
    TooLong,
    /// The line does not have the form of an event.
    #[error("it does not have the form of an event, at or before column {column}")]
    Form {
        /// In bytes, from 1; 0 where it is not known.
        column: usize,
    },
    /// This release does not know the type.
    #[error("event type {event_type:?} is unknown to this release; use the release that wrote it")]
    UnknownType {
        /// The name as it stands there.
        event_type: Box<str>,
    },
    /// An event is missing before it, or stands there twice.
    #[error("{stream} has revision {found} where {due} is due")]
    Revision {
        /// The stream.
        stream: StreamName,
        /// The revision that is due.
        due: Revision,
        /// The one that stands there.
        found: Revision,
    },
    /// Another event has the same id.
    #[error("another event before it has the id {0}")]
    DuplicateId(EventId),
    /// The event is larger than any log takes.
    #[error("an event of {bytes} bytes is more than the {limit} that a log takes")]
    TooLarge {
        /// Size of data and metadata.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
    },
}

/// Why a file was not imported, or not to its end. What was appended stays; the same import goes on after it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be taken.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not the one that was checked.
    #[error("the file was changed while it was imported; import it again, into an empty log")]
    ChangedMeanwhile,
    /// The log holds something else. Nothing was appended.
    #[error(
        "the event log is not empty, and what it holds is not the beginning of this file: its event at position \
         {position} is not that of line {line}. Import into an empty log, or into one where an import of this very \
         file was broken off"
    )]
    OtherHistory {
        /// The first event of the log that differs.
        position: Position,
        /// Where the file has another.
        line: u64,
    },
    /// The log holds all that the file does, and more. Nothing was appended.
    #[error(
        "the event log holds all of this file and goes on after it, from position {position}: there is nothing to import"
    )]
    GoneOn {
        /// The first event of the log that the file does not have.
        position: Position,
    },
    /// What the log holds could not be compared with the file.
    #[error("the event log could not be read")]
    Read(#[source] ReadError),
    /// Somebody else appends to the log.
    #[error(
        "somebody else wrote to the event log during the import, before line {line}: stop whatever uses it, and import \
         again into an empty log"
    )]
    Disturbed {
        /// The first event that was not appended.
        line: u64,
    },
    /// The log did not take some events.
    #[error(
        "what stands from line {line} on could not be appended; the same import again goes on from there"
    )]
    Append {
        /// The first event that is not known to stand.
        line: u64,
        /// Why.
        #[source]
        source: AppendError,
    },
}
