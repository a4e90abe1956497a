//! What can be asked of a view. A query names the generation it reads and tells the position at which it read it.
//!
//! A query is one statement, or one snapshot: an answer never mixes two positions. Point queries run on a few shared,
//! pipelined connections; those that may read much take a connection of their own, so that they hold nobody up.

mod day;
mod lanes;
mod reservation;

use daybook_event_log::Position;
use deadpool_postgres::Pool;
use tokio_postgres::{Config, Row};

use crate::ViewError;
use crate::control::generation::Generation;

pub use day::days_in;
pub use day::{ClosedTime, DayView, Days};
pub use reservation::{ListFilter, Page, Reservation, Unread};
pub use reservation::{by_ids_in, list_in, of_subject_in};

use lanes::PipelinedPool;

/// An answer, and what gave it.
#[derive(Debug, Clone)]
pub struct QueryResult<T> {
    /// What was asked for.
    pub value: T,
    /// The generation that was read.
    pub generation: Generation,
    /// The position at which it was read.
    pub position: Position,
}

impl<T> QueryResult<T> {
    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> QueryResult<U> {
        QueryResult { value: change(self.value), generation: self.generation, position: self.position }
    }
}

/// Asks the views.
#[derive(Debug, Clone)]
pub struct Queries {
    lanes: PipelinedPool,
    pool: Pool,
}

impl Queries {
    /// Queries over the views' database: point queries on connections of their own, others from the pool.
    pub fn new(database: Config, pool: Pool) -> Self {
        Self { lanes: PipelinedPool::new(database), pool }
    }
}

/// The position of a generation, as one value: its commit and prepare part.
fn position_of(generation: Generation) -> String {
    let Generation { model, number } = generation;
    format!(
        "SELECT ARRAY[c.commit_position, c.prepare_position] FROM control.checkpoints c
         WHERE c.model = '{model}' AND c.number = {number}"
    )
}

/// The position, to which the answer's rows are joined, so that there is always one.
fn with_position(generation: Generation, rows: &str) -> String {
    let position = position_of(generation);
    format!("SELECT parts, answer.* FROM ({position}) AS at(parts) LEFT JOIN LATERAL ({rows}) answer ON true")
}

/// Reads the position with which every row of an answer starts.
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
