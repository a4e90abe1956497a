//! Lanes: a few connections that all point queries share, each pipelined, with statements prepared once.
//!
//! One pipelined connection answers about twice as many lookups as a pool from which each takes one for itself. Each view has
//! lanes of its own: on one connection answers come in order, and a view that hangs must not hold up the other.

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

/// Number of lanes of a view: enough for the cores that a small server has.
const LANES: usize = 4;

/// Queries that wait on one lane, at most; more wait for a place.
const MAX_IN_FLIGHT: usize = 512;

/// Statements that a lane keeps prepared. Generations come and go; past this the lane starts afresh.
const MAX_STATEMENTS: usize = 256;

/// How often a query is tried again on a new connection when its connection was lost.
const RETRIES: usize = 3;

/// Pause before such a retry.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// A query: its name tells it from others, and its text is made for a generation when it is first used there.
pub(super) struct Query {
    pub(super) name: &'static str,
    pub(super) text: fn(Generation) -> String,
}

/// Threads that have asked so far.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// A thread keeps to one lane: a server's worker then drives the connection that it asks on, and no answer has to wake
    /// another thread, which costs as much as the lookup itself.
    static TURN: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// Shared connections for point queries.
#[derive(Debug, Clone)]
pub(super) struct PipelinedPool(Arc<ByView>);

#[derive(Debug)]
struct ByView {
    legacy: Vec<Lane>,
    dynamic: Vec<Lane>,
}

impl ByView {
    fn of(&self, model: ReadModel) -> &[Lane] {
        match model {
            ReadModel::Legacy => &self.legacy,
            ReadModel::Dynamic => &self.dynamic,
        }
    }
}

#[derive(Debug)]
struct Lane {
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
    /// Lanes that connect when they are first used.
    pub(super) fn new(database: Config) -> Self {
        let lane = || Lane {
            database: database.clone(),
            connected: RwLock::new(None),
            connecting: Mutex::new(()),
            places: Semaphore::new(MAX_IN_FLIGHT),
        };
        let lanes = || (0..LANES).map(|_| lane()).collect();
        Self(Arc::new(ByView { legacy: lanes(), dynamic: lanes() }))
    }

    /// Asks. A lost connection is made anew and the query, which only reads, is asked again.
    pub(super) async fn ask(
        &self,
        query: &Query,
        generation: Generation,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ViewError> {
        let mut tries_left = RETRIES;
        loop {
            let turn = TURN.with(|turn| *turn);
            let Some(lane) = self.0.of(generation.model).get(turn % LANES) else { continue };
            match lane.ask(query, generation, parameters).await {
                Err(error) if tries_left > 0 && error.is_lost_connection() => {
                    tries_left -= 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }
}

impl Lane {
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
        // It ends with the client; what was lost is seen by whoever asks next.
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
