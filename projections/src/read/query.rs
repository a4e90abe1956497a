//! Queries on a view. A query names the generation that it reads and returns the position at which it read it.
//!
//! A query is one statement or one snapshot: a result never mixes two positions. Point queries share a few pipelined
//! connections. Queries that may read much take a connection of their own, so that they do not delay others.

mod day;
mod pipelined_pool;
mod reservation;

use daybook_event_log::Position;
use deadpool_postgres::Pool;
use tokio_postgres::{Config, Row};

use crate::control::error::ViewError;
use crate::control::ids::Generation;

pub use day::days_in;
pub use day::{ClosedTime, DayView, Days};
pub use reservation::{ListFilter, Page, Reservation, RowKey, Search, Unread};
pub use reservation::{by_ids_in, list_in, of_subject_in};

use pipelined_pool::PipelinedPool;

/// A result and its source.
#[derive(Debug, Clone)]
pub struct QueryResult<T> {
    pub value: T,
    /// The generation that was read.
    pub generation: Generation,
    /// The position at which it was read.
    pub position: Position,
}

impl<T> QueryResult<T> {
    /// The same source with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> QueryResult<U> {
        QueryResult { value: change(self.value), generation: self.generation, position: self.position }
    }
}

/// Queries the views.
#[derive(Debug, Clone)]
pub struct Queries {
    connections: PipelinedPool,
    pool: Pool,
}

impl Queries {
    /// Queries over the views' database: point queries on their own connections, others on the pool's.
    pub fn new(database: Config, pool: Pool) -> Self {
        Self { connections: PipelinedPool::new(database), pool }
    }
}

/// SQL for a generation's position as one array of its commit and prepare parts.
fn position_of(generation: Generation) -> String {
    let Generation { model, number } = generation;
    format!(
        "SELECT ARRAY[c.commit_position, c.prepare_position] FROM control.checkpoints c
         WHERE c.model = '{model}' AND c.number = {number}"
    )
}

/// Joins the rows to the position, so that the result always has a row.
fn with_position(generation: Generation, rows: &str) -> String {
    let position = position_of(generation);
    format!("SELECT parts, answer.* FROM ({position}) AS at(parts) LEFT JOIN LATERAL ({rows}) answer ON true")
}

/// Reads the position at the start of every row.
fn position(rows: &[Row], generation: Generation) -> Result<Position, ViewError> {
    let not_live = ViewError::NotLive { model: generation.model };
    let Some(row) = rows.first() else { return Err(not_live) };
    let Some(parts): Option<Vec<i64>> = row.try_get(0)? else { return Err(not_live) };
    let position = match parts[..] {
        [commit, prepare] => Position::from_parts(commit, prepare).ok(),
        _ => None,
    };
    position.ok_or(ViewError::Control { what: "a position" })
}
