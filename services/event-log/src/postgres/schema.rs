//! Migrates a database's schema: the numbered migrations, each once, in order.

use std::time::Duration;

use tokio_postgres::Client;

use super::MIGRATE_LOCK;
use super::error::PostgresError;

/// How long to wait for another process that migrates, or for a table in use.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);

/// Records the migrations that have run. The name lets a database be shared with other programs.
const HISTORY_TABLE: &str = "daybook_schema_history";

mod embedded {
    #![allow(missing_docs, clippy::unwrap_used, unreachable_pub, reason = "written by the macro")]

    refinery::embed_migrations!("../../migrations");
}

/// Why the schema could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// PostgreSQL is unavailable, or another process holds the migration lock too long.
    #[error("the migrations could not start: PostgreSQL is unavailable or another process is migrating")]
    Start(#[source] PostgresError),
    /// A migration failed, or one that already ran has changed. The database is as it was before that
    /// migration.
    #[error("a migration failed; the database is as it was before it")]
    Migration(#[source] refinery::Error),
}

/// Result of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Versions of the migrations that ran now, in order.
    pub applied: Vec<i32>,
}

/// Runs the pending migrations. If several processes call it at once, one migrates and the others wait.
pub async fn migrate(client: &mut Client) -> Result<Migrated, MigrateError> {
    let start = |error: tokio_postgres::Error| MigrateError::Start(error.into());
    let patience = LOCK_PATIENCE.as_millis();
    let lock = format!("SET lock_timeout = {patience}; SELECT pg_advisory_lock({MIGRATE_LOCK})");
    client.batch_execute(&lock).await.map_err(start)?;
    let mut runner = embedded::migrations::runner();
    let report = runner.set_migration_table_name(HISTORY_TABLE).run_async(client).await;
    let unlock = format!("SELECT pg_advisory_unlock({MIGRATE_LOCK}); RESET lock_timeout");
    let unlocked = client.batch_execute(&unlock).await.map_err(start);
    let report = report.map_err(MigrateError::Migration)?;
    unlocked?;
    Ok(Migrated { applied: report.applied_migrations().iter().map(refinery::Migration::version).collect() })
}
