//! The runbook's performance check: its query on the dynamic view, run, and the plan by which PostgreSQL ran it.

use chrono::NaiveDate;
use daybook_domain::ReadModel;
use deadpool_postgres::Client;
use serde::Serialize;
use tokio_postgres::SimpleQueryMessage;

use super::query_plan::Explained;
use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::control::ids::Generation;

/// Rows of a table below which PostgreSQL may as well read it whole.
pub const SMALL_TABLE: u64 = 1_000;

/// How the query was run.
#[derive(Debug, Clone, Serialize)]
pub struct Performance {
    /// What was asked.
    pub generation: Generation,
    /// The query.
    pub query: String,
    /// Reservations of the view.
    pub reservations: u64,
    /// Rows that came out.
    pub rows: u64,
    /// Milliseconds it took to plan it.
    pub planning_ms: f64,
    /// Milliseconds it took to run it.
    pub execution_ms: f64,
    /// The indexes that were used.
    pub indexes: Vec<String>,
    /// The plan, a line a step and condition.
    pub plan: Vec<String>,
}

impl Performance {
    /// Whether an index was used, or the table is so small that none has to be.
    pub const fn is_as_expected(&self) -> bool {
        !self.indexes.is_empty() || self.reservations < SMALL_TABLE
    }
}

/// Runs the runbook's query for the confirmed bookings of a morning.
///
/// # Errors
/// [`ViewError::NotLive`] where the dynamic view does not serve; that PostgreSQL cannot be asked.
pub async fn performance(client: &Client, date: NaiveDate) -> Result<Performance, ViewError> {
    let generation = generation::serving(client, ReadModel::Dynamic).await?;
    let schema = generation.schema();
    let query = format!(
        "SELECT * FROM {schema}.reservations \
         WHERE \"preferredDate\" = DATE '{date}' AND period = 'MORNING' AND status = 'CONFIRMED'"
    );
    let explained = explain(client, &query).await?;
    let counted = client.query_one(&format!("SELECT count(*) FROM {schema}.reservations"), &[]).await?;
    Ok(Performance {
        generation,
        reservations: counted.try_get::<_, i64>(0)?.unsigned_abs(),
        rows: explained.rows(),
        planning_ms: explained.planning_ms,
        execution_ms: explained.execution_ms,
        indexes: explained.indexes(),
        plan: explained.lines(),
        query,
    })
}

async fn explain(client: &Client, query: &str) -> Result<Explained, ViewError> {
    let answer = client.simple_query(&format!("EXPLAIN (ANALYZE, FORMAT JSON) {query}")).await?;
    let json = answer
        .iter()
        .find_map(|message| if let SimpleQueryMessage::Row(row) = message { row.get(0) } else { None });
    json.and_then(Explained::read).ok_or(ViewError::Plan)
}
