//! The port: what Daybook asks of an event log, whichever database keeps it.
//!
//! It names no database and never looks into a payload. What every adapter has to do is written once, in the contract
//! suite of the tests, and run on all of them.

mod connection;
mod error;
mod event;
mod key;
mod pages;
mod position;
mod stream;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

pub use connection::Connection;
pub use error::{AppendError, InvalidAppend, ReadError, Source};
pub use event::{AppendCheck, Appended, EventId, EventType, Expected, NewEvent, RecordedEvent, check_append};
pub use key::NewKey;
pub use pages::{PageBounds, PageRange};
pub use position::{InvalidPosition, InvalidRevision, Position, Revision};
pub use stream::{Category, Filter, InvalidStreamName, StreamName};

/// Events as they come out of a log, in order.
pub type RecordedStream = BoxStream<'static, Result<RecordedEvent, ReadError>>;

/// Bytes of payload and metadata that one append may hold. EventStoreDB takes 1 MiB, and counts names of types too.
pub const MAX_APPEND_BYTES: usize = 1024 * 1024 - 64 * 1024;

/// Events that one append may hold.
pub const MAX_APPEND_EVENTS: usize = 1000;

/// An append-only log of events: streams, each in order, and one order over all of them.
#[async_trait]
pub trait EventLog: Send + Sync + std::fmt::Debug + 'static {
    /// Appends events to one stream, all or none.
    ///
    /// Idempotent for ever: where the same ids stand already at that exact place, it answers as it did the first time.
    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError>;

    /// Whether patients' keys are kept in the log's own database, so that [`Self::append_with_keys`] takes them.
    fn keeps_keys(&self) -> bool {
        false
    }

    /// Appends events, and in the same commit the new keys they are sealed with: neither is ever there without the other.
    ///
    /// Where the events stood before, so did keys, and those given here are left out.
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

    /// Events of one stream from a revision on (inclusive), in order. A stream that does not exist reads as empty.
    async fn read_stream(&self, stream: &StreamName, from: Revision) -> Result<RecordedStream, ReadError>;

    /// All events after a position that pass the filter, in order, up to the head at the time of the call: one snapshot.
    async fn read_all(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError>;

    /// Like [`Self::read_all`], and goes on with what is appended later. It ends only with an error; it never starts
    /// "from now", because whoever follows has to say what it has seen.
    async fn follow(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError>;

    /// Position of the last event; [`Position::START`] where there is none.
    async fn head(&self) -> Result<Position, ReadError>;

    /// How many events there are after a position, counted no further than the limit: positions have gaps and, in some logs,
    /// count bytes, so that no difference of two of them tells.
    ///
    /// Reads those events unless an adapter can do better; callers keep the limit low.
    async fn count_after(&self, after: Position, limit: u32) -> Result<u32, ReadError> {
        let events = self.read_all(after, &Filter::all()).await?.take(limit as usize);
        events.try_fold(0, async |count, _| Ok(count + 1)).await
    }

    /// How the connection fares. Asks nobody.
    fn connection(&self) -> Connection;

    /// Whether an append would be taken now, as far as can be told without one. Appends nothing.
    async fn check_writable(&self) -> Result<(), ReadError>;
}
