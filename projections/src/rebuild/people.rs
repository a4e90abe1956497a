//! The plain-named schemas `legacy` and `dynamic`: views over the live generations, for people with psql.
//!
//! They are refreshed off the serving path, because replacing a view waits for whoever reads it. Daybook itself never
//! reads them.

use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use deadpool_postgres::Pool;
use tokio_postgres::error::SqlState;

use crate::ViewError;
use crate::generation::Generation;

/// How long one try waits for readers of the old views, and how many tries there are.
const LOCK_TIMEOUT: &str = "1s";
const TRIES: u32 = 5;

/// How long a schema's readers are waited for before it is given up to drop it, and the pause between two tries.
const DROP_PATIENCE: Duration = Duration::from_secs(60);
const DROP_PAUSE: Duration = Duration::from_millis(200);

/// Points the plain-named schemas at generations. Whether it was possible; if not, the next promotion does it.
pub(super) async fn refresh(pool: &Pool, generations: &[Generation]) -> bool {
    for generation in generations {
        if let Err(error) = refresh_one(pool, *generation).await {
            tracing::warn!(%generation, error = %crate::describe(&error), "the views for people were not refreshed");
            return false;
        }
    }
    true
}

async fn refresh_one(pool: &Pool, generation: Generation) -> Result<(), ViewError> {
    let mut tries_left = TRIES;
    loop {
        tries_left -= 1;
        match replace(pool, generation).await {
            Err(_) if tries_left > 0 => tokio::time::sleep(Duration::from_millis(200)).await,
            outcome => return outcome,
        }
    }
}

/// Takes away the plain-named schema of a view that is retired.
///
/// # Errors
/// Where somebody reads it for long.
pub(crate) async fn remove(pool: &Pool, model: ReadModel) -> Result<(), ViewError> {
    drop_schema(pool, model.as_str()).await
}

/// Drops a schema of the views, or gives up where somebody reads it for long: never waits in the way of other readers for
/// more than a moment.
pub(crate) async fn drop_schema(pool: &Pool, schema: &str) -> Result<(), ViewError> {
    let since = Instant::now();
    let sql = format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; DROP SCHEMA IF EXISTS {schema} CASCADE");
    loop {
        let mut client = pool.get().await?;
        let transaction = client.transaction().await?;
        match transaction.batch_execute(&sql).await {
            Ok(()) => return Ok(transaction.commit().await?),
            Err(error) if error.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) => return Err(error.into()),
            Err(_) if since.elapsed() > DROP_PATIENCE => {
                let what = "somebody to end reading the retired tables; `daybook projection retire legacy` goes on from here";
                return Err(ViewError::TimedOut { what, seconds: DROP_PATIENCE.as_secs() });
            }
            Err(_) => transaction.rollback().await?,
        }
        tokio::time::sleep(DROP_PAUSE).await;
    }
}

async fn replace(pool: &Pool, generation: Generation) -> Result<(), ViewError> {
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
        // A generation's types are its own, so a view cannot be replaced in place: its columns would change type.
        let ddl = format!(
            "DROP VIEW IF EXISTS {plain}.{table}; CREATE VIEW {plain}.{table} AS SELECT * FROM {schema}.{table}"
        );
        transaction.batch_execute(&ddl).await?;
    }
    transaction.commit().await?;
    Ok(())
}
