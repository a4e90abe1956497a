//! Reads through the pool: one stream, the head, and pages for followers.
//!
//! A read holds a connection only while it fetches a page, never while its consumer works.

use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::within;
use super::error::PostgresError;
use super::row;
use crate::port::{Filter, Position, ReadError, RecordedEvent, RecordedStream, Revision, StreamName};

/// Events per page.
pub(super) const PAGE_EVENTS: i64 = 1000;

/// Time limit for a page.
pub(super) const READ_DEADLINE: Duration = Duration::from_secs(10);

pub(super) async fn connection(pool: &Pool) -> Result<Object, PostgresError> {
    pool.get().await.map_err(PostgresError::from)
}

/// Position of the last event.
pub(super) async fn head(pool: &Pool) -> Result<Position, PostgresError> {
    let sql = "SELECT coalesce(max(position), 0) FROM event_log.events";
    let rows = query(pool, sql, &[]).await?;
    let head = rows.first().map(|row| row.try_get::<_, i64>(0)).transpose()?.unwrap_or(0);
    Ok(Position::from_parts(head, head).unwrap_or_default())
}

/// Number of events after a position, up to the limit. Uses only the primary key's index.
pub(super) async fn count_after(pool: &Pool, after: Position, limit: u32) -> Result<u32, PostgresError> {
    let sql = "SELECT count(*) FROM (SELECT FROM event_log.events WHERE position > $1 LIMIT $2) AS counted";
    let rows = query(pool, sql, &[&after.to_parts().0, &i64::from(limit)]).await?;
    let count = rows.first().map(|row| row.try_get::<_, i64>(0)).transpose()?.unwrap_or(0);
    Ok(u32::try_from(count).unwrap_or(limit))
}

/// A standby or a read-only database would refuse every append.
pub(super) async fn check_writable(pool: &Pool) -> Result<(), PostgresError> {
    let sql = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean";
    let rows = query(pool, sql, &[]).await?;
    match rows.first().map(|row| row.try_get(0)).transpose()? {
        Some(false) => Ok(()),
        Some(true) | None => Err(PostgresError::ReadOnly),
    }
}

/// Writes as many bytes as a large append, and takes them back.
pub(super) async fn try_to_write(pool: &Pool) -> Result<(), PostgresError> {
    within(READ_DEADLINE, async {
        let mut client = connection(pool).await?;
        let transaction = client.transaction().await?;
        // Random digits, which compression cannot make small.
        let sql = "CREATE TEMPORARY TABLE daybook_trial ON COMMIT DROP AS
                   SELECT gen_random_uuid() FROM generate_series(1, 10000)";
        transaction.batch_execute(sql).await?;
        Ok::<_, PostgresError>(transaction.rollback().await?)
    })
    .await
}

async fn query(
    pool: &Pool,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, PostgresError> {
    within(READ_DEADLINE, async {
        let client = connection(pool).await?;
        let statement = client.prepare_cached(sql).await?;
        Ok::<_, PostgresError>(client.query(&statement, parameters).await?)
    })
    .await
}

/// Events of one stream, page after page. The first page is fetched before this returns.
pub(super) async fn read_stream(
    pool: Pool,
    name: StreamName,
    from: Revision,
) -> Result<RecordedStream, ReadError> {
    let first = stream_page(&pool, &name, from).await?;
    if !is_full(&first) {
        return Ok(stream::iter(first.into_iter().map(Ok)).boxed());
    }
    let pages = stream::try_unfold(Some(first), move |page| {
        let (pool, name) = (pool.clone(), name.clone());
        async move {
            let Some(page) = page else { return Ok(None) };
            let next = match page.last().filter(|_| is_full(&page)) {
                Some(last) => Some(stream_page(&pool, &name, last.revision.next()).await?),
                None => None,
            };
            Ok(Some((stream::iter(page.into_iter().map(Ok)), next)))
        }
    });
    Ok(pages.try_flatten().boxed())
}

fn is_full(page: &[RecordedEvent]) -> bool {
    page.len() as i64 >= PAGE_EVENTS
}

async fn stream_page(
    pool: &Pool,
    name: &StreamName,
    from: Revision,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let columns = row::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM event_log.events WHERE stream = $1 AND revision >= $2 ORDER BY revision LIMIT $3"
    );
    let parameters: [&(dyn ToSql + Sync); 3] = [&name.as_str(), &from.as_i64(), &PAGE_EVENTS];
    let rows = query(pool, &sql, &parameters).await.map_err(PostgresError::into_read)?;
    all_recorded(&rows, Position::START)
}

/// At most one page of matching events after `after`, up to and including `until`.
pub(super) async fn page_between(
    pool: &Pool,
    after: Position,
    until: Position,
    filter: &Filter,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let (columns, condition) = (row::COLUMNS, row::condition(filter));
    let sql = format!(
        "SELECT {columns} FROM event_log.events \
         WHERE position > $1 AND position <= $2 AND {condition} ORDER BY position LIMIT $3"
    );
    let parameters: [&(dyn ToSql + Sync); 3] = [&after.to_parts().0, &until.to_parts().0, &PAGE_EVENTS];
    let rows = query(pool, &sql, &parameters).await.map_err(PostgresError::into_read)?;
    all_recorded(&rows, after)
}

fn all_recorded(rows: &[Row], after: Position) -> Result<Vec<RecordedEvent>, ReadError> {
    let mut events: Vec<RecordedEvent> = Vec::with_capacity(rows.len());
    for row in rows {
        let sound = events.last().map_or(after, |event| event.position);
        events.push(row::recorded(row, sound)?);
    }
    Ok(events)
}
