//! A pool of pipelined connections that all point queries share, with statements prepared once.
//!
//! A pipelined connection answers about twice as many lookups as connections that are taken from a pool one by one.
//! Each view has its own connections: results on one connection arrive in order, and a view that hangs must not delay
//! the other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use daybook_domain::ReadModel;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use crate::control::error::ViewError;
use crate::control::ids::Generation;

/// Connections per view, enough for the cores of a small server.
const LANES: usize = 4;

/// Most queries in flight on one connection; more wait for a permit.
const MAX_IN_FLIGHT: usize = 512;

/// Prepared statements per connection. Generations come and go; beyond this number the cache is cleared.
const MAX_STATEMENTS: usize = 256;

/// How often a query is repeated on a new connection after a lost one.
const RETRIES: usize = 3;

/// How long the server works on a read, or waits for a lock, before it gives up.
pub(super) const STATEMENT_DEADLINE: Duration = Duration::from_secs(4);

/// How long a read waits for the server in all: longer than [`STATEMENT_DEADLINE`], so that only a server that does not
/// answer at all reaches it.
pub(super) const READ_DEADLINE: Duration = Duration::from_secs(5);

/// Pause before such a retry.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// A query. Its name identifies it, and its text is built for a generation on first use.
pub(super) struct Query {
    pub(super) name: &'static str,
    pub(super) text: fn(Generation) -> String,
}

/// Threads that have queried so far.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Each thread uses one connection. A server's worker then drives the connection that it queries, and no result has
    /// to wake another thread, which costs as much as the lookup itself.
    static TURN: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// Shared connections for point queries.
#[derive(Debug, Clone)]
pub(super) struct PipelinedPool(Arc<ConnectionsByView>);

#[derive(Debug)]
struct ConnectionsByView {
    legacy: [PipelinedConnection; LANES],
    dynamic: [PipelinedConnection; LANES],
}

impl ConnectionsByView {
    const fn get(&self, model: ReadModel) -> &[PipelinedConnection; LANES] {
        match model {
            ReadModel::Legacy => &self.legacy,
            ReadModel::Dynamic => &self.dynamic,
        }
    }
}

#[derive(Debug)]
struct PipelinedConnection {
    database: Config,
    connected: RwLock<Option<Arc<Connected>>>,
    connecting: Mutex<()>,
    places: Semaphore,
}

struct Connected {
    client: Client,
    driver: AbortHandle,
    statements: RwLock<HashMap<(Generation, &'static str), Statement>>,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connected")
    }
}

impl PipelinedPool {
    /// Connections that are opened on first use.
    pub(super) fn new(database: Config) -> Self {
        let connection = || PipelinedConnection {
            database: database.clone(),
            connected: RwLock::new(None),
            connecting: Mutex::new(()),
            places: Semaphore::new(MAX_IN_FLIGHT),
        };
        let connections = || std::array::from_fn(|_| connection());
        Self(Arc::new(ConnectionsByView { legacy: connections(), dynamic: connections() }))
    }

    /// Runs a query within [`READ_DEADLINE`]. After a lost connection it reconnects and repeats the query, which only reads.
    pub(super) async fn ask(
        &self,
        query: &Query,
        generation: Generation,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ViewError> {
        let deadline = Instant::now() + READ_DEADLINE;
        let mut tries_left = RETRIES;
        loop {
            let connection = self.connection(generation.model);
            match connection.ask(query, generation, parameters, deadline).await {
                Err(error) if tries_left > 0 && error.is_lost_connection() => {
                    tries_left -= 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// The connection of this thread.
    fn connection(&self, model: ReadModel) -> &PipelinedConnection {
        let connections = self.0.get(model);
        // The index is always in range.
        TURN.with(|turn| connections.get(*turn % LANES)).unwrap_or(&connections[0])
    }
}

/// Gives up a read that the server does not answer.
pub(super) async fn within_deadline<T>(
    read: impl Future<Output = Result<T, ViewError>>,
) -> Result<T, ViewError> {
    until(Instant::now() + READ_DEADLINE, read).await
}

async fn until<T>(
    deadline: Instant,
    read: impl Future<Output = Result<T, ViewError>>,
) -> Result<T, ViewError> {
    let answered = tokio::time::timeout_at(deadline, read).await;
    answered.unwrap_or(Err(ViewError::Unanswered { seconds: READ_DEADLINE.as_secs() }))
}

/// The statement that sets [`STATEMENT_DEADLINE`], for a session or with `LOCAL` for a transaction.
pub(super) fn set_statement_deadline(scope: &str) -> String {
    format!("SET {scope} statement_timeout = {}", STATEMENT_DEADLINE.as_millis())
}

impl PipelinedConnection {
    async fn ask(
        &self,
        query: &Query,
        generation: Generation,
        parameters: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<Vec<Row>, ViewError> {
        let (_place, connected) = until(deadline, async {
            // The semaphore is never closed.
            let place = self.places.acquire().await;
            Ok((place, self.connected().await?))
        })
        .await?;
        let answered = until(deadline, connected.ask(query, generation, parameters)).await;
        if let Err(ViewError::Unanswered { .. }) = answered {
            // What waits behind this query on the connection would wait as long again.
            self.discard(&connected);
        }
        answered
    }

    /// Closes a connection, so that queries in flight see a lost connection.
    fn discard(&self, hanging: &Arc<Connected>) {
        hanging.driver.abort();
        let mut connected = self.connected.write().unwrap_or_else(PoisonError::into_inner);
        if connected.as_ref().is_some_and(|current| Arc::ptr_eq(current, hanging)) {
            *connected = None;
        }
    }

    fn current(&self) -> Option<Arc<Connected>> {
        let current = self.connected.read().unwrap_or_else(PoisonError::into_inner).clone();
        current.filter(|connected| !connected.client.is_closed())
    }

    async fn connected(&self) -> Result<Arc<Connected>, ViewError> {
        if let Some(connected) = self.current() {
            return Ok(connected);
        }
        let _only_one_connects = self.connecting.lock().await;
        if let Some(connected) = self.current() {
            return Ok(connected);
        }
        let (client, connection) = self.database.connect(NoTls).await?;
        // It ends with the client; a lost connection is noticed by the next query.
        let driver = tokio::spawn(connection).abort_handle();
        client.batch_execute(&set_statement_deadline("SESSION")).await?;
        let connected = Arc::new(Connected { client, driver, statements: RwLock::new(HashMap::new()) });
        *self.connected.write().unwrap_or_else(PoisonError::into_inner) = Some(connected.clone());
        Ok(connected)
    }
}

impl Connected {
    async fn ask(
        &self,
        query: &Query,
        generation: Generation,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ViewError> {
        let statement = self.statement(query, generation).await?;
        Ok(self.client.query(&statement, parameters).await?)
    }

    async fn statement(&self, query: &Query, generation: Generation) -> Result<Statement, ViewError> {
        let key = (generation, query.name);
        if let Some(statement) = self.statements.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&(query.text)(generation)).await?;
        let mut statements = self.statements.write().unwrap_or_else(PoisonError::into_inner);
        if statements.len() >= MAX_STATEMENTS {
            statements.clear();
        }
        statements.insert(key, statement.clone());
        Ok(statement)
    }
}
