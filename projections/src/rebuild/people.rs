//! The schemas for people with psql: views over the live generations, in the plain-named `legacy` and `dynamic`, and in
//! `runbook`, where both stand side by side.
//!
//! They are refreshed off the serving path, because replacing a view waits for whoever reads it. Daybook itself never
//! reads them.

use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use deadpool_postgres::{GenericClient, Pool};

use super::Rebuild;
use crate::ViewError;
use crate::control::generation::{self, Generation};
use crate::store::runbook_schema::{self, LOCK_TIMEOUT};

/// How often a change is tried while somebody reads the old views.
const TRIES: u32 = 5;

/// How long a schema's readers are waited for before it is given up to drop it, and the pause between two tries.
const DROP_PATIENCE: Duration = Duration::from_secs(60);
const DROP_PAUSE: Duration = Duration::from_millis(200);

/// A change of what people see.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    /// The plain-named schema of its view shows a generation.
    Show(Generation),
    /// The runbook's views show what serves.
    ShowInRunbook,
    /// A schema is gone.
    Drop(&'a str),
}

impl Change<'_> {
    /// Makes it, or gives up after a moment where somebody reads what it is about.
    async fn make(self, pool: &Pool) -> Result<(), ViewError> {
        match self {
            Self::Show(generation) => show(pool, generation).await,
            Self::ShowInRunbook => runbook_schema::refresh(pool).await,
            Self::Drop(schema) => drop_now(pool, schema).await,
        }
    }

    /// Makes it within a few tries.
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

    /// Makes it once nobody reads what it is about, or gives up where somebody does so for long: never waits in the way of
    /// other readers for more than a moment.
    async fn make_once_unread(self, pool: &Pool) -> Result<(), ViewError> {
        let since = Instant::now();
        loop {
            match self.make(pool).await {
                Err(error) if !error.is_lock_timeout() => return Err(error),
                Err(_) if since.elapsed() > DROP_PATIENCE => {
                    let what = "somebody to end reading the retired tables; `daybook projection retire legacy` goes on from here";
                    return Err(ViewError::TimedOut { what, seconds: DROP_PATIENCE.as_secs() });
                }
                Err(_) => tokio::time::sleep(DROP_PAUSE).await,
                Ok(()) => return Ok(()),
            }
        }
    }
}

/// Points the schemas for people at generations. Whether it was possible; if not, the next promotion does it.
pub(super) async fn refresh(pool: &Pool, generations: &[Generation]) -> bool {
    let shown = generations.iter().copied().map(Change::Show);
    for change in shown.chain([Change::ShowInRunbook]) {
        if let Err(error) = change.try_to_make(pool).await {
            tracing::warn!(?change, error = %crate::describe(&error), "the views for people were not refreshed");
            return false;
        }
    }
    true
}

impl Rebuild {
    /// Lets the schemas for people show what serves, at the start of a process: an earlier release has not made them, whoever
    /// promoted last was killed before they followed, or somebody read them then. Waits for readers no longer than a moment; the
    /// next promotion does it then.
    pub async fn refresh_people(&self) {
        if let Err(error) = self.show_what_serves().await {
            tracing::warn!(error = %crate::describe(&error), "the views for people were not refreshed");
        }
    }

    async fn show_what_serves(&self) -> Result<(), ViewError> {
        let client = self.pool.get().await?;
        for standing in generation::live(&client).await? {
            if !is_shown(&client, standing.generation).await? {
                Change::Show(standing.generation).make(&self.pool).await?;
            }
        }
        Change::ShowInRunbook.make(&self.pool).await
    }
}

/// Takes a view that serves no more from people: its plain-named schema, and what the runbook's views show of it. They
/// would go with its tables otherwise.
///
/// # Errors
/// Where somebody reads it for long.
pub async fn remove(pool: &Pool, model: ReadModel) -> Result<(), ViewError> {
    Change::ShowInRunbook.make_once_unread(pool).await?;
    drop_schema(pool, model.as_str()).await
}

/// Drops a schema of the views.
///
/// # Errors
/// Where somebody reads it for long.
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

/// Whether the plain-named schema shows a generation already.
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
        // A generation's types are its own, so a view cannot be replaced in place: its columns would change type.
        let ddl = format!(
            "DROP VIEW IF EXISTS {plain}.{table}; CREATE VIEW {plain}.{table} AS SELECT * FROM {schema}.{table}"
        );
        transaction.batch_execute(&ddl).await?;
    }
    transaction.commit().await?;
    Ok(())
}
