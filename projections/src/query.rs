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
use crate::generation::Generation;

pub use day::{ClosedTime, DaySheet, Days};
pub use reservation::{ListFilter, Page, Reservation};

use lanes::Lanes;

/// An answer, and what gave it.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// The generation that was read.
    pub generation: Generation,
    /// The position at which it was read.
    pub position: Position,
}

impl<T> Answer<T> {
    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: change(self.value), generation: self.generation, position: self.position }
    }
}

/// Asks the views.
#[derive(Debug, Clone)]
pub struct Queries {
    lanes: Lanes,
    pool: Pool,
}

impl Queries {
    /// Queries over the views' database: point queries on connections of their own, others from the pool.
    pub fn new(database: Config, pool: Pool) -> Self {
        Self { lanes: Lanes::new(database), pool }
    }
}

/// Starts every query: the checkpoint's row, to which the answer's rows are joined, so that there is always a position.
fn with_position(generation: Generation, rows: &str) -> String {
    format!(
        "SELECT c.commit_position, c.prepare_position, answer.*
         FROM control.checkpoints c LEFT JOIN LATERAL ({rows}) answer ON true
         WHERE c.model = '{}' AND c.number = {}",
        generation.model, generation.number
    )
}

/// Reads the position with which every row of an answer starts.
fn position(rows: &[Row], generation: Generation) -> Result<Position, ViewError> {
    let row = rows.first().ok_or(ViewError::NotLive { model: generation.model })?;
    Position::from_parts(row.try_get(0)?, row.try_get(1)?)
        .map_err(|_| ViewError::Control { what: "a position" })
}
