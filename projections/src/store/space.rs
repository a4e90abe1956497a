//! Space in which PostgreSQL keeps what rows no longer show: former versions of rows, statistics of columns, and the
//! write-ahead log.
//!
//! An erased value is gone for every query at once. In the server's files it stays until the space is used again, unless
//! the tables are written anew.

use deadpool_postgres::{Client, Object};

use crate::control::error::ViewError;
use crate::control::ids::Generation;

/// How long a table's rewriting waits for its readers, and how often it is attempted.
const LOCK_TIMEOUT: &str = "5s";
const TRIES: u32 = 3;

/// Writes a generation's reservations and their indexes into new files, and collects statistics of all columns. Returns
/// whether that succeeded; if not, somebody is reading them.
pub(crate) async fn rewrite_reservations(client: Client, generation: Generation) -> Result<bool, ViewError> {
    // A connection of its own, because the setting ends with it.
    let client = Object::take(client);
    client.batch_execute(&format!("SET lock_timeout = '{LOCK_TIMEOUT}'")).await?;
    let sql = format!("VACUUM (FULL, ANALYZE) {}.reservations", generation.schema());
    for _ in 0..TRIES {
        match client.batch_execute(&sql).await.map_err(ViewError::from) {
            // A rebuild or an operator dropped it meanwhile.
            Err(error) if error.is_missing_table() => return Ok(true),
            Err(error) if error.is_lock_timeout() => {}
            outcome => return outcome.map(|()| true),
        }
    }
    Ok(false)
}

/// Removes the rows of destroyed keys.
pub(crate) async fn vacuum_keys(client: &Client) -> Result<(), ViewError> {
    Ok(client.batch_execute("VACUUM privacy.keys").await?)
}

/// Writes the statistics of all columns into new files. They hold samples of values.
pub(crate) async fn rewrite_statistics(client: &Client) -> Result<(), ViewError> {
    Ok(client.batch_execute("VACUUM FULL pg_catalog.pg_statistic").await?)
}

/// Removes the segments of the write-ahead log up to now. Needs a superuser.
///
/// PostgreSQL gives old segments new names and keeps what is in them until they are used again. So no segment gets a new
/// name meanwhile, and those that already have one are used up: switching to the next segment fills the rest of one with
/// zeros.
pub(crate) async fn replace_wal(client: &Client) -> Result<(), ViewError> {
    client.batch_execute("ALTER SYSTEM SET wal_recycle = off").await?;
    let replaced = use_up_segments(client).await;
    client.batch_execute("ALTER SYSTEM RESET wal_recycle").await?;
    client.batch_execute("SELECT pg_reload_conf()").await?;
    replaced
}

async fn use_up_segments(client: &Client) -> Result<(), ViewError> {
    client.batch_execute("SELECT pg_reload_conf()").await?;
    client.batch_execute("CHECKPOINT").await?;
    let later = "SELECT count(*) FROM pg_ls_waldir()
                 WHERE name ~ '^[0-9A-F]{24}$' AND name >= pg_walfile_name(pg_current_wal_insert_lsn())";
    let segments: i64 = client.query_one(later, &[]).await?.try_get(0)?;
    for _ in 0..=segments {
        // Switching has no effect right after a switch.
        client.batch_execute("SELECT pg_logical_emit_message(false, 'daybook', '')").await?;
        client.batch_execute("SELECT pg_switch_wal()").await?;
    }
    Ok(client.batch_execute("CHECKPOINT").await?)
}
