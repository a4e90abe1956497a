//! The log in EventStoreDB (KurrentDB), for clinics that run a cluster.
//!
//! The `eventstore` crate has faults that a long-lived service meets: a client never recovers from one failed
//! connect, operations have no deadline, and subscriptions spin when their stream ends. This folder works
//! around them, and nothing outside it knows of them: `supervisor` replaces clients and gives each operation
//! a deadline, `writer` repeats appends that got no answer, `follower` reads instead of subscribing, and
//! `nodelay` turns on `TCP_NODELAY`.
//!
//! Positions are the server's own: byte offsets in its log files. They rise in commit order and have gaps.

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
    /// Head of the server's log, including the server's own records.
    known: KnownHead,
    /// Highest known position of an event of Daybook. A search for the head need not go back further.
    own: KnownHead,
    _watch: Arc<follower::HeadWatch>,
}

impl EventStoreLog {
    /// Connects and reads the head. Must be called inside a Tokio runtime.
    ///
    /// The process must not have installed a default crypto provider for rustls: the client installs its own,
    /// and fails if there is one.
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
        // The leader answers this read, and the leader is the node that accepts appends.
        reader::raw_head(&self.supervisor).await.map_err(EventStoreError::into_read).map(|_| ())
    }
}
