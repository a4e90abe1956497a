//! Errors between Daybook and its log. No variant holds or shows the content of an event.

use super::expected::Expected;
use super::position::{Position, Revision};

/// An adapter's own error.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an append was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The stream, or another one that the append depends on, does not end at the expected revision. Nothing was
    /// appended: read the new events and decide again.
    #[error("the stream was expected {expected}, but it {}", describe_actual(*actual))]
    RevisionConflict {
        /// Where the writer expected the stream to end.
        expected: Expected,
        /// Its last revision, or `None` if it does not exist.
        actual: Option<Revision>,
    },
    /// The log cannot be reached. Nothing was appended.
    #[error("the event log cannot be reached")]
    Unavailable(#[source] Source),
    /// The append was sent but not answered, so it may be recorded. Retry with the same ids.
    #[error("the event log did not confirm the append; it may or may not be recorded")]
    Unknown(#[source] Source),
    /// The append is larger than a log accepts. Nothing was appended.
    #[error("the append has {bytes} bytes, but a log accepts at most {limit} at once")]
    TooLarge {
        /// Bytes of payloads and metadata.
        bytes: usize,
        /// Upper bound, in bytes.
        limit: usize,
    },
    /// The append is invalid. Nothing was appended.
    #[error("the append is invalid")]
    Invalid(#[source] InvalidAppend),
}

/// Why an append is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAppend {
    /// It has no events.
    #[error("it has no events")]
    Empty,
    /// It has more events than a log accepts at once.
    #[error("it has {events} events, but a log accepts at most {limit} at once")]
    TooManyEvents {
        events: usize,
        /// Upper bound, in events.
        limit: usize,
    },
    /// Two of its events have the same id.
    #[error("two of its events have the same id")]
    DuplicateIds,
    /// Its revisions would exceed the range of a signed 64-bit number.
    #[error("its revisions would exceed the allowed range")]
    RevisionOutOfRange,
    /// A payload or metadata is not JSON, or has surrounding white space.
    #[error("a payload or metadata is not JSON, or has white space around it")]
    NotJson,
    /// It has keys, but this log does not store keys.
    #[error("it has keys, but this log does not store keys")]
    KeysNotKept,
    /// The database rejects one of its values, such as JSON that is nested too deeply.
    #[error("one of its values cannot be stored")]
    NotStorable,
}

/// Why a read failed or ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log cannot be reached, or the connection was lost. Continue after the last event received.
    #[error("the event log cannot be reached")]
    Unavailable(#[source] Source),
    /// The log contains a record that no adapter writes.
    #[error("the event log is corrupt at or after position {position}")]
    Corrupt {
        /// Position of the event, or of the last valid one before it.
        position: Position,
        /// The fault found in the record.
        #[source]
        source: Source,
    },
}

fn describe_actual(actual: Option<Revision>) -> String {
    match actual {
        Some(revision) => format!("ends at revision {revision}"),
        None => "does not exist".to_owned(),
    }
}
