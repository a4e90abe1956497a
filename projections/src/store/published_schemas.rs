//! The schemas that people read with psql: views over the live generations in `legacy` and `dynamic`, and in `runbook`,
//! which shows both side by side.
//!
//! They are refreshed outside the serving path, because replacing a view waits for its readers. Daybook itself never
//! reads them.

use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use deadpool_postgres::{GenericClient, Pool};

use crate::control::error::{ViewError, describe};
use crate::control::generation;
use crate::control::ids::Generation;
use crate::store::runbook_schema::{self, LOCK_TIMEOUT};

/// How often a change is attempted.
const TRIES: u32 = 5;

/// How long dropping a schema waits for its readers, and the pause between two attempts.
const DROP_PATIENCE: Duration = Duration::from_secs(60);
const DROP_PAUSE: Duration = Duration::from_millis(200);

/// A change of the published schemas.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    /// Points the plain-named schema of a view at a generation.
    Show(Generation),
    /// Points the runbook's views at the live generations.
    ShowInRunbook,
    Drop(&'a str),
}

impl Change<'_> {
    /// Makes the change, or gives up after a moment if somebody is reading.
    async fn make(self, pool: &Pool) -> Result<(), ViewError> {
        match self {
            Self::Show(generation) => show(pool, generation).await,
            Self::ShowInRunbook => runbook_schema::refresh(pool).await,
            Self::Drop(schema) => drop_now(pool, schema).await,
        }
    }

    /// Makes the change in a few attempts.
    async fn try_to_make(self, pool: &Pool) -> Result<(), ViewError> {
        let mut tries_left = TRIES;
        loop {
            tries_left -= 1;
            match self.make(pool).await {
                Err(_) if tries_left > 0 => tokio::time::sleep(Duration::from_millis(200)).await,
                outcome => return outcome,
            }
        }
    }

    /// Makes the change once nobody reads, or gives up after a longer wait. Each attempt blocks other readers only for
    /// a moment.
    async fn make_once_unread(self, pool: &Pool) -> Result<(), ViewError> {
        let since = Instant::now();
        loop {
            match self.make(pool).await {
                Err(error) if !error.is_lock_timeout() => return Err(error),
                Err(_) if since.elapsed() > DROP_PATIENCE => {
                    let what = "readers of the retired tables; run `daybook projection retire legacy` again to continue";
                    return Err(ViewError::TimedOut { what, seconds: DROP_PATIENCE.as_secs() });
                }
                Err(_) => tokio::time::sleep(DROP_PAUSE).await,
                Ok(()) => return Ok(()),
            }
        }
    }
}

/// Points the published schemas at generations. Returns whether that succeeded; if not, the next promotion does it.
pub(crate) async fn refresh(pool: &Pool, generations: &[Generation]) -> bool {
    let shown = generations.iter().copied().map(Change::Show);
    for change in shown.chain([Change::ShowInRunbook]) {
        if let Err(error) = change.try_to_make(pool).await {
            tracing::warn!(?change, error = %describe(&error), "the views for people were not refreshed");
            return false;
        }
    }
    true
}

/// Points every schema at the live generations, where it does not yet. Waits for readers only for a moment.
///
/// # Errors
/// Somebody is reading, or PostgreSQL fails.
pub(crate) async fn show_what_serves(pool: &Pool) -> Result<(), ViewError> {
    let client = pool.get().await?;
    for status in generation::live(&client).await? {
        if !is_shown(&client, status.generation).await? {
            Change::Show(status.generation).make(pool).await?;
        }
    }
    Change::ShowInRunbook.make(pool).await
}

/// Removes a retired view: its plain-named schema and its columns in the runbook's views, which would otherwise
/// disappear with its tables.
///
/// # Errors
/// Somebody is reading it for too long.
pub async fn remove(pool: &Pool, model: ReadModel) -> Result<(), ViewError> {
    Change::ShowInRunbook.make_once_unread(pool).await?;
    drop_schema(pool, model.as_str()).await
}

/// Drops a schema.
///
/// # Errors
/// Somebody is reading it for too long.
pub async fn drop_schema(pool: &Pool, schema: &str) -> Result<(), ViewError> {
    Change::Drop(schema).make_once_unread(pool).await
}

async fn drop_now(pool: &Pool, schema: &str) -> Result<(), ViewError> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let sql = format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; DROP SCHEMA IF EXISTS {schema} CASCADE");
    transaction.batch_execute(&sql).await?;
    Ok(transaction.commit().await?)
}

/// Whether the plain-named schema already shows a generation.
async fn is_shown(client: &impl GenericClient, generation: Generation) -> Result<bool, ViewError> {
    let sql = "SELECT EXISTS (SELECT FROM information_schema.view_table_usage
               WHERE view_schema = $1 AND view_name = 'reservations' AND table_schema = $2)";
    let row = client.query_one(sql, &[&generation.model.as_str(), &generation.schema()]).await?;
    Ok(row.try_get(0)?)
}

async fn show(pool: &Pool, generation: Generation) -> Result<(), ViewError> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let (schema, plain) = (generation.schema(), generation.model);
    transaction.batch_execute(&format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")).await?;
    transaction.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {plain}")).await?;
    let tables = transaction
        .query("SELECT tablename::text FROM pg_tables WHERE schemaname = $1 ORDER BY tablename", &[&schema])
        .await?;
    for row in tables {
        let table: &str = row.try_get(0)?;
        // Each generation has its own types, so a view cannot be replaced in place: its columns would change type.
        let ddl = format!(
            "DROP VIEW IF EXISTS {plain}.{table}; CREATE VIEW {plain}.{table} AS SELECT * FROM {schema}.{table}"
        );
        transaction.batch_execute(&ddl).await?;
    }
    transaction.commit().await?;
    Ok(())
}
