//! The log in PostgreSQL: the default adapter.
//!
//! Positions are assigned in commit order. Every append takes one advisory lock before it reads the head and
//! holds it until the commit, so no reader can see a position and miss a lower one. One writer task puts all
//! waiting appends into one transaction, which makes this fast. Reads never take the lock.
//!
//! It relies on plain tables only, not on transaction ids, so a restored dump works like the original.

pub mod binary;
mod connection;
mod copy;
mod error;
mod follower;
mod group;
mod heads;
mod interner;
mod reader;
mod row;
mod schema;
mod wakeup;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use deadpool_postgres::Pool;
use tokio_postgres::Config;

use crate::port::{
    AppendError, Appended, Connection, DependentAppend, EventLog, Expected, Filter, NewEvent, NewKey,
    Position, ReadError, RecordedStream, Revision, StreamName, check_append,
};

pub use connection::{PoolSize, create_pool};
pub use error::PostgresError;
pub use follower::POLL_INTERVAL;
pub use group::{MAX_GROUP_APPENDS, MAX_GROUP_BYTES};
pub use schema::{MigrateError, Migrated, migrate};
pub use wakeup::WakeupCounts;
pub use writer::{APPEND_DEADLINE, RECONNECT_PATIENCE};

/// Channel on which a commit announces the new head and the categories it appended to, as text.
pub const CHANNEL: &str = "daybook_events";

/// Advisory lock that appends hold while they assign positions. Other locks use other numbers.
pub const APPEND_LOCK: i64 = i64::from_be_bytes(*b"daybook\x01");

/// Advisory lock that migrations hold.
pub const MIGRATE_LOCK: i64 = i64::from_be_bytes(*b"daybook\x02");

/// Options of the adapter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Connections for reads.
    pub pool_size: PoolSize,
}

/// The log in PostgreSQL. Clones share its connections.
#[derive(Clone)]
pub struct PostgresLog {
    config: Config,
    pool: Pool,
    writer: writer::Writer,
    wakeup: wakeup::Wakeup,
    /// Whether the last append did not reach the disk.
    last_append_failed: Arc<AtomicBool>,
}

impl PostgresLog {
    /// Connects to a database whose schema is up to date, see [`migrate`].
    ///
    /// Connections do not use TLS: use a socket or a trusted network.
    pub async fn connect(config: Config, options: Options) -> Result<Self, PostgresError> {
        let pool = create_pool(&config, options.pool_size)?;
        let head = reader::head(&pool).await?;
        let wakeup = wakeup::Wakeup::start(config.clone(), head);
        let writer = writer::Writer::start(config.clone(), wakeup.clone());
        Ok(Self { config, pool, writer, wakeup, last_append_failed: Arc::default() })
    }

    /// How often an announcement woke a follower. For tests and benchmarks of the cost of following.
    pub fn wakeup_counts(&self) -> WakeupCounts {
        self.wakeup.wakeup_counts()
    }

    /// The pool for reads, for other code that reads the same database.
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl std::fmt::Debug for PostgresLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let database = self.config.get_dbname().unwrap_or_default();
        write!(formatter, "PostgresLog(database {database}, at {})", self.wakeup.heads().all())
    }
}

#[async_trait]
impl EventLog for PostgresLog {
    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        self.append_if(DependentAppend::alone(stream, expected, events)).await
    }

    /// The table of keys is in the same database.
    fn keeps_keys(&self) -> bool {
        true
    }

    async fn append_with_keys(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
        keys: Vec<NewKey>,
    ) -> Result<Appended, AppendError> {
        self.append_if(DependentAppend { keys, ..DependentAppend::alone(stream, expected, events) }).await
    }

    /// The writer reads the ends of streams under the lock that every append takes.
    fn checks_other_streams(&self) -> bool {
        true
    }

    async fn append_if(&self, append: DependentAppend) -> Result<Appended, AppendError> {
        let DependentAppend { stream, expected, events, keys, others } = append;
        let bytes = check_append(expected, &events)?;
        let append = group::Append { stream, expected, others, events, keys, bytes };
        let appended = self.writer.append(append).await;
        let failed = matches!(appended, Err(AppendError::Unavailable(_) | AppendError::Unknown(_)));
        if failed || appended.is_ok() {
            self.last_append_failed.store(failed, Ordering::Relaxed);
        }
        appended
    }

    async fn read_stream(&self, stream: &StreamName, from: Revision) -> Result<RecordedStream, ReadError> {
        reader::read_stream(self.pool.clone(), stream.clone(), from).await
    }

    async fn read_all(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        copy::read_all(&self.config, after, filter).await
    }

    async fn follow(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        Ok(follower::follow(self.pool.clone(), self.wakeup.clone(), after, *filter))
    }

    async fn head(&self) -> Result<Position, ReadError> {
        reader::head(&self.pool).await.map_err(PostgresError::into_read)
    }

    async fn count_after(&self, after: Position, limit: u32) -> Result<u32, ReadError> {
        reader::count_after(&self.pool, after, limit).await.map_err(PostgresError::into_read)
    }

    fn connection(&self) -> Connection {
        let (is_up, reconnects) = (self.wakeup.is_up(), self.wakeup.losses());
        Connection { adapter: "postgres", is_up, reconnects }
    }

    async fn check_writable(&self) -> Result<(), ReadError> {
        reader::check_writable(&self.pool).await.map_err(PostgresError::into_read)?;
        if self.last_append_failed.load(Ordering::Relaxed) {
            // The disk may be full. Without appends, only a trial tells when there is room again.
            reader::try_to_write(&self.pool).await.map_err(PostgresError::into_read)?;
            self.last_append_failed.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}
