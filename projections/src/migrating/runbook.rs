//! The migration's runbook: its tables for people with psql, the role that reads them, and the checks at its end.
//!
//! The schema `runbook` holds views over what serves, as the plain-named schemas do, and is refreshed with them; Daybook
//! itself never reads those views. No check here gives out a word of a patient: numbers, names of columns, plans.

mod closing;
mod performance;
mod plan;
mod reader;
mod schema;

use deadpool_postgres::{GenericClient, Pool};

use crate::ViewError;

pub use closing::{Closing, Finding, closing};
pub use performance::{Performance, SMALL_TABLE, performance};
pub use reader::ROLE;

/// The schema.
pub(crate) const SCHEMA: &str = "runbook";

/// Lets the schema show what serves now, and the role read it. Gives up after a moment where somebody reads it. A schema of
/// this name that is somebody else's is left alone: nothing of ours is in it, so nothing has to wait for it.
///
/// # Errors
/// Where somebody reads it, or PostgreSQL fails. What was there stays.
pub(crate) async fn refresh(pool: &Pool) -> Result<(), ViewError> {
    reader::ensure(pool).await;
    match schema::replace(pool).await {
        Err(error) if error.is_about_anothers() => {
            let error = crate::describe(&error);
            tracing::warn!(
                error,
                "the schema {SCHEMA} is somebody else's, so the runbook's tables are not shown"
            );
            Ok(())
        }
        outcome => outcome,
    }
}

/// Whether the runbook's tables are there to be looked at.
///
/// # Errors
/// That PostgreSQL cannot be asked.
pub async fn is_there(client: &impl GenericClient) -> Result<bool, ViewError> {
    let table = format!("{SCHEMA}.reservations");
    Ok(client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await?.try_get(0)?)
}
