//! The port: what Daybook needs from an event log, whatever database stores it.
//!
//! It names no database and never reads a payload. The contract suite in the tests states once what every
//! adapter has to do, and runs on all of them.

mod connection;
mod error;
mod event;
mod expected;
mod filter;
mod key;
mod pages;
mod position;
mod stream;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

pub use connection::Connection;
pub use error::{AppendError, InvalidAppend, ReadError, Source};
pub use event::{Appended, EventId, EventType, NewEvent, RecordedEvent, check_append};
pub use expected::{AppendCheck, Expected};
pub use filter::Filter;
pub use key::NewKey;
pub use pages::{PageBounds, PageRange};
pub use position::{InvalidPosition, InvalidRevision, Position, Revision};
pub use stream::{Category, InvalidStreamName, StreamName};

/// Recorded events in order.
pub type RecordedStream = BoxStream<'static, Result<RecordedEvent, ReadError>>;

/// Bytes of payload and metadata that one append may hold. EventStoreDB accepts 1 MiB, including the names of
/// types.
pub const MAX_APPEND_BYTES: usize = 1024 * 1024 - 64 * 1024;

/// Events that one append may hold.
pub const MAX_APPEND_EVENTS: usize = 1000;

/// An append with new keys that also depends on where other streams end.
#[derive(Debug, Clone)]
pub struct DependentAppend {
    pub stream: StreamName,
    pub expected: Expected,
    pub events: Vec<NewEvent>,
    /// The new keys that the events are sealed with.
    pub keys: Vec<NewKey>,
    /// The other streams, and where each has to end.
    pub others: Vec<(StreamName, Expected)>,
}

impl DependentAppend {
    /// An append that depends on its own stream only.
    pub fn alone(stream: &StreamName, expected: Expected, events: Vec<NewEvent>) -> Self {
        Self { stream: stream.clone(), expected, events, keys: Vec::new(), others: Vec::new() }
    }
}

/// An append-only log of events: each stream is ordered, and so are all streams together.
#[async_trait]
pub trait EventLog: Send + Sync + std::fmt::Debug + 'static {
    /// Appends events to one stream, all or none.
    ///
    /// Idempotent without a time limit: if the same ids are already recorded at exactly that place, it
    /// returns the original answer.
    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError>;

    /// Whether the log's own database stores patients' keys, so that [`Self::append_with_keys`] accepts them.
    fn keeps_keys(&self) -> bool {
        false
    }

    /// Appends events and, in the same commit, the new keys they are sealed with.
    ///
    /// If the events are already recorded, so are their keys, and the given ones are ignored.
    async fn append_with_keys(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
        keys: Vec<NewKey>,
    ) -> Result<Appended, AppendError> {
        if keys.is_empty() {
            self.append(stream, expected, events).await
        } else {
            Err(AppendError::Invalid(InvalidAppend::KeysNotKept))
        }
    }

    /// Whether [`Self::append_if`] looks at other streams.
    fn checks_other_streams(&self) -> bool {
        false
    }

    /// Like [`Self::append_with_keys`], if in the same commit the other streams end where they are expected to. If one
    /// does not, that is a conflict.
    ///
    /// A log that cannot look at other streams ignores them, see [`Self::checks_other_streams`].
    async fn append_if(&self, append: DependentAppend) -> Result<Appended, AppendError> {
        let DependentAppend { stream, expected, events, keys, others: _ } = append;
        self.append_with_keys(&stream, expected, events, keys).await
    }

    /// Events of one stream from a revision (inclusive), in order. A stream that does not exist is empty.
    async fn read_stream(&self, stream: &StreamName, from: Revision) -> Result<RecordedStream, ReadError>;

    /// All matching events after a position, in order, up to the head at the time of the call.
    async fn read_all(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError>;

    /// Like [`Self::read_all`], and continues with events that are appended later. It ends only with an
    /// error. There is no "from now": a follower always states the last position it has seen.
    async fn follow(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError>;

    /// Position of the last event, or [`Position::START`] in an empty log.
    async fn head(&self) -> Result<Position, ReadError>;

    /// Number of events after a position, up to a limit. Positions cannot be subtracted: they have gaps, and
    /// some logs count bytes.
    ///
    /// The default implementation reads the events, so keep the limit low.
    async fn count_after(&self, after: Position, limit: u32) -> Result<u32, ReadError> {
        let events = self.read_all(after, &Filter::all()).await?.take(limit as usize);
        events.try_fold(0, async |count, _| Ok(count + 1)).await
    }

    /// State of the connection as last seen, without asking the log.
    fn connection(&self) -> Connection;

    /// Whether the log would probably accept an append now. Appends nothing.
    async fn check_writable(&self) -> Result<(), ReadError>;
}
