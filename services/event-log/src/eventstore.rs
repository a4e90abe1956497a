//! The log in EventStoreDB (KurrentDB), for clinics that run a cluster.
//!
//! The `eventstore` crate has faults that a long-lived service meets: a client that is dead for good after one failed
//! connect, operations without a deadline, subscriptions that spin once their stream has ended. They are guarded against
//! in this folder and nowhere else: `supervisor` replaces clients and puts a deadline on every operation, `writer` settles
//! appends whose answer was lost, `follower` reads instead of subscribing, and `nodelay` lets small requests leave at once.
//!
//! Positions are the server's own: the log's files in bytes. They rise in commit order and have gaps.

mod connection_string;
mod error;
mod follower;
mod nodelay;
mod reader;
mod record;
mod supervisor;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;

use crate::known_head::KnownHead;
use crate::port::{
    AppendError, Appended, Connection, EventLog, Expected, Filter, NewEvent, Position, ReadError,
    RecordedStream, Revision, StreamName, check_append,
};
use supervisor::Supervisor;

pub use connection_string::{ConnectionString, InvalidConnectionString};
pub use error::EventStoreError;
pub use follower::POLL_INTERVAL;
pub use reader::READ_PATIENCE;
pub use supervisor::OPERATION_DEADLINE;
pub use writer::{APPEND_DEADLINE, RECONNECT_PATIENCE};

/// The log in EventStoreDB. Clones share its client.
#[derive(Clone)]
pub struct EventStoreLog {
    supervisor: Arc<Supervisor>,
    /// Where the server's log ends, its own records included.
    known: KnownHead,
    /// Daybook's last event, as far as it was seen: what lies before it need not be searched for it again.
    own: KnownHead,
    _watch: Arc<follower::HeadWatch>,
}

impl EventStoreLog {
    /// Connects, and finds out where the log ends. Has to be called on a Tokio runtime.
    ///
    /// Nothing in the process may have chosen rustls' cryptography before: the client chooses its own and fails where that
    /// was done.
    pub async fn connect(address: ConnectionString) -> Result<Self, EventStoreError> {
        let supervisor = Arc::new(Supervisor::new(address)?);
        let known = KnownHead::at(reader::with_retries(|| reader::raw_head(&supervisor)).await?);
        let watch = Arc::new(follower::HeadWatch::start(Arc::clone(&supervisor), known.clone()));
        Ok(Self { supervisor, known, own: KnownHead::at(Position::START), _watch: watch })
    }
}

impl std::fmt::Debug for EventStoreLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "EventStoreLog(at {})", self.known.get())
    }
}

#[async_trait]
impl EventLog for EventStoreLog {
    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        check_append(expected, &events)?;
        let appended = writer::append(&self.supervisor, stream, expected, &events).await?;
        self.known.announce(appended.position);
        self.own.announce(appended.position);
        Ok(appended)
    }

    async fn read_stream(&self, stream: &StreamName, from: Revision) -> Result<RecordedStream, ReadError> {
        reader::read_stream(&self.supervisor, stream, from).await
    }

    async fn read_all(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        reader::read_all(&self.supervisor, &self.own, after, *filter).await
    }

    async fn follow(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        Ok(follower::follow(Arc::clone(&self.supervisor), &self.known, after, *filter).boxed())
    }

    async fn head(&self) -> Result<Position, ReadError> {
        reader::with_retries(|| reader::head(&self.supervisor, &self.own))
            .await
            .map_err(EventStoreError::into_read)
    }

    fn connection(&self) -> Connection {
        let (is_up, reconnects) = (self.supervisor.is_up(), self.supervisor.replaced());
        Connection { adapter: "eventstore", is_up, reconnects }
    }

    async fn check_writable(&self) -> Result<(), ReadError> {
        // Answered by the leader, who is the one that takes appends.
        reader::raw_head(&self.supervisor).await.map_err(EventStoreError::into_read).map(|_| ())
    }
}
