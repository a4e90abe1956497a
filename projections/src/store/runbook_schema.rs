//! The schema `runbook`: views over the live generations under the names that the old system's runbook uses, and the
//! role that may read them.
//!
//! It is refreshed together with the plain-named schemas. Daybook itself never reads these views.

mod reader;
mod views;

use deadpool_postgres::{GenericClient, Pool};

use crate::ViewError;

pub use reader::ROLE;
pub use views::OLD_COLUMNS;

/// How long a change of the views waits for their readers before it gives up.
pub(crate) const LOCK_TIMEOUT: &str = "1s";

/// The schema's name.
pub const SCHEMA: &str = "runbook";

/// Points the views at the live generations and grants the role access to them. Gives up after a moment while somebody
/// reads them. A schema of this name that somebody else owns is left alone: it contains nothing of Daybook's.
///
/// # Errors
/// Somebody reads the views, or PostgreSQL fails. The previous views stay.
pub(crate) async fn refresh(pool: &Pool) -> Result<(), ViewError> {
    reader::ensure(pool).await;
    match views::replace(pool).await {
        Err(error) if error.is_about_anothers() => {
            let error = crate::describe(&error);
            tracing::warn!(
                error,
                "somebody else owns the schema {SCHEMA}, so the runbook's tables are not shown"
            );
            Ok(())
        }
        outcome => outcome,
    }
}

/// Whether the runbook's tables exist.
///
/// # Errors
/// PostgreSQL cannot be asked.
pub async fn exists(client: &impl GenericClient) -> Result<bool, ViewError> {
    let table = format!("{SCHEMA}.reservations");
    Ok(client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await?.try_get(0)?)
}
