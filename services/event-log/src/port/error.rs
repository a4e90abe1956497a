//! What can go wrong between Daybook and its log. No variant holds, or may show, what an event says.

use super::event::Expected;
use super::position::{Position, Revision};

/// An adapter's own error.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an append was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The stream does not end where the writer thought. Nothing was appended: bring the state up to date and decide
    /// anew.
    #[error("the stream was expected {expected}, and {}", describe_actual(*actual))]
    RevisionConflict {
        /// Where the writer thought the stream ends.
        expected: Expected,
        /// Its last revision, none where it does not exist.
        actual: Option<Revision>,
    },
    /// The log cannot be reached. Nothing was appended.
    #[error("the event log cannot be reached")]
    Unavailable(#[source] Source),
    /// The append was sent and no answer came: it may stand or not. Retry with the same ids.
    #[error("the event log did not answer whether it has appended")]
    Unknown(#[source] Source),
    /// The append is larger than a log takes. Nothing was appended.
    #[error("an append of {bytes} bytes is more than the {limit} that a log takes at once")]
    TooLarge {
        /// Size of payloads and metadata.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// The append makes no sense. Nothing was appended.
    #[error("the append makes no sense")]
    Invalid(#[source] InvalidAppend),
}

/// Why an append makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAppend {
    /// It holds no event.
    #[error("it holds no event")]
    Empty,
    /// It holds more events than a log takes at once.
    #[error("it holds {events} events, at most {limit} are taken at once")]
    TooManyEvents {
        /// How many it holds.
        events: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// Two of its events have the same id.
    #[error("two of its events have the same id")]
    DuplicateIds,
    /// Its revisions would leave the range of numbers.
    #[error("its revisions would leave the range of numbers")]
    RevisionOutOfRange,
    /// A payload or metadata is not JSON, or has white space around it.
    #[error("a payload or metadata is not JSON, or has white space around it")]
    NotJson,
    /// It holds keys, and this log keeps none.
    #[error("it holds keys, and this log keeps none")]
    KeysNotKept,
    /// The log's database does not take one of its values, such as JSON that is nested too deeply.
    #[error("one of its values cannot be stored")]
    NotStorable,
}

/// Why a read failed or broke off.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log cannot be reached, or the connection was lost on the way. Read on after the last event seen.
    #[error("the event log cannot be reached")]
    Unavailable(#[source] Source),
    /// The log holds something that no adapter writes.
    #[error("what the event log holds at or after position {position} is corrupt")]
    Corrupt {
        /// Position of the event, or of the last sound one before it.
        position: Position,
        /// What is wrong with it.
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
