//! The migration's runbook: its tables for people with psql, and the role that reads them.
//!
//! The schema `runbook` holds views over what serves, as the plain-named schemas do, and is refreshed with them; Daybook
//! itself never reads those views.

mod reader;
mod schema;

use deadpool_postgres::{GenericClient, Pool};

use crate::ViewError;

pub use reader::ROLE;

/// The schema.
pub(crate) const SCHEMA: &str = "runbook";

/// Lets the schema show what serves now, and the role read it. Gives up after a moment where somebody reads it.
///
/// # Errors
/// Where somebody reads it, or PostgreSQL refuses. What was there stays.
pub(crate) async fn refresh(pool: &Pool) -> Result<(), ViewError> {
    reader::ensure(pool).await;
    schema::replace(pool).await
}

/// Whether the runbook's tables are there to be looked at.
///
/// # Errors
/// That PostgreSQL cannot be asked.
pub async fn is_there(client: &impl GenericClient) -> Result<bool, ViewError> {
    let table = format!("{SCHEMA}.reservations");
    Ok(client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await?.try_get(0)?)
}
