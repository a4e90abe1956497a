//! The performance check of the runbook: its query on the dynamic view, with the query plan.

use chrono::NaiveDate;
use daybook_domain::ReadModel;
use deadpool_postgres::Client;
use serde::Serialize;

use super::query_plan::{QueryPlan, explain};
use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::control::ids::Generation;

/// Number of rows below which PostgreSQL may well scan the whole table.
pub const SMALL_TABLE: u64 = 1_000;

/// The query, its result and its plan.
#[derive(Debug, Clone, Serialize)]
pub struct Performance {
    pub generation: Generation,
    pub query: String,
    /// All reservations of the view.
    pub reservations: u64,
    pub rows: u64,
    pub planning_ms: f64,
    pub execution_ms: f64,
    pub indexes: Vec<String>,
    /// The lines of PostgreSQL's `EXPLAIN ANALYZE`.
    pub plan: Vec<String>,
}

impl Performance {
    /// Whether an index was used, or the table is too small to need one.
    pub const fn is_as_expected(&self) -> bool {
        !self.indexes.is_empty() || self.reservations < SMALL_TABLE
    }
}

/// Runs the runbook's query for the confirmed bookings of a morning.
///
/// # Errors
/// [`ViewError::NotLive`] if the dynamic view is not live, or PostgreSQL cannot be queried.
pub async fn performance(client: &Client, date: NaiveDate) -> Result<Performance, ViewError> {
    let generation = generation::serving(client, ReadModel::Dynamic).await?;
    let schema = generation.schema();
    let query = format!(
        "SELECT * FROM {schema}.reservations \
         WHERE \"preferredDate\" = DATE '{date}' AND period = 'MORNING' AND status = 'CONFIRMED'"
    );
    let QueryPlan { lines, rows, planning_ms, execution_ms, indexes } = explain(client, &query).await?;
    let count = client.query_one(&format!("SELECT count(*) FROM {schema}.reservations"), &[]).await?;
    let reservations = count.try_get::<_, i64>(0)?.unsigned_abs();
    Ok(Performance { generation, query, reservations, rows, planning_ms, execution_ms, indexes, plan: lines })
}
