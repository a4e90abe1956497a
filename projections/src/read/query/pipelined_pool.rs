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
    legacy: Vec<PipelinedConnection>,
    dynamic: Vec<PipelinedConnection>,
}

impl ConnectionsByView {
    fn get(&self, model: ReadModel) -> &[PipelinedConnection] {
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
        let connections = || (0..LANES).map(|_| connection()).collect();
        Self(Arc::new(ConnectionsByView { legacy: connections(), dynamic: connections() }))
    }

    /// Runs a query. After a lost connection it reconnects and repeats the query, which only reads.
    pub(super) async fn ask(
        &self,
        query: &Query,
        generation: Generation,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ViewError> {
        let mut tries_left = RETRIES;
        loop {
            let turn = TURN.with(|turn| *turn);
            let Some(connection) = self.0.get(generation.model).get(turn % LANES) else { continue };
            match connection.ask(query, generation, parameters).await {
                Err(error) if tries_left > 0 && error.is_lost_connection() => {
                    tries_left -= 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }
}

impl PipelinedConnection {
    async fn ask(
        &self,
        query: &Query,
        generation: Generation,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ViewError> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let connected = self.connected().await?;
        let statement = connected.statement(query, generation).await?;
        Ok(connected.client.query(&statement, parameters).await?)
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
        tokio::spawn(connection);
        let connected = Arc::new(Connected { client, statements: RwLock::new(HashMap::new()) });
        *self.connected.write().unwrap_or_else(PoisonError::into_inner) = Some(connected.clone());
        Ok(connected)
    }
}

impl Connected {
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
