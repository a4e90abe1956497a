//! Bringing a database's schema up to date: the numbered migrations, each once, in order.

use std::time::Duration;

use tokio_postgres::Client;

use super::MIGRATE_LOCK;
use super::error::PostgresError;

/// Longest time to wait for another process that is migrating, or for a table that is in use.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);

/// Table in which it is kept which migrations have run. Named so that a database may be shared with others.
const HISTORY_TABLE: &str = "daybook_schema_history";

mod embedded {
    #![allow(missing_docs, clippy::unwrap_used, unreachable_pub, reason = "written by the macro")]

    refinery::embed_migrations!("../../migrations");
}

/// Why a schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// PostgreSQL could not be asked, or another process migrates for too long.
    #[error("the migrations could not start")]
    Start(#[source] PostgresError),
    /// A migration failed, or one that has run was changed since. The database is as it was before that migration.
    #[error("a migration failed")]
    Migration(#[source] refinery::Error),
}

/// What was done to a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Versions of the migrations that ran just now, in order.
    pub applied: Vec<i32>,
}

/// Runs the migrations that have not run. Any number of processes may call it at once: one migrates, the others wait.
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
