//! The plain-named schemas `legacy` and `dynamic`: views over the live generations, for people with psql.
//!
//! They are refreshed off the serving path, because replacing a view waits for whoever reads it. Daybook itself never
//! reads them.

use std::time::Duration;

use deadpool_postgres::Pool;

use crate::ViewError;
use crate::generation::Generation;

/// How long one try waits for readers of the old views, and how many tries there are.
const LOCK_TIMEOUT: &str = "1s";
const TRIES: u32 = 5;

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
