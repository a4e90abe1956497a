//! The machine's side: inserts the rows of a round's bookings again, each with its own statement.
//!
//! It must never help the inserts in a way that a plain client would not: one row, one commit, one connection per
//! client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context;
use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::CLIENTS;
use crate::bench::json_text::JsonText;
use crate::postgres::TestDatabase;

/// The same columns, checks, storage, key and unique index.
const CREATE_SQL: &str = "\
    CREATE SCHEMA machine; \
    CREATE TABLE machine.events (LIKE event_log.events INCLUDING ALL)";

const ROWS_SQL: &str = "\
    SELECT position, revision, event_id, stream, kind, payload, metadata FROM event_log.events \
    WHERE stream LIKE 'daybook-%' ORDER BY position";

const INSERT_SQL: &str = "\
    INSERT INTO machine.events (position, revision, event_id, stream, kind, payload, metadata) \
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

struct Row {
    position: i64,
    revision: i64,
    event_id: Uuid,
    stream: String,
    kind: String,
    payload: JsonText,
    metadata: JsonText,
}

/// Inserts the rows that the bookings of a round wrote. Returns rows per second.
pub(super) async fn run(database: &TestDatabase) -> anyhow::Result<f64> {
    let rows = Arc::new(rows(database).await?);
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let client = database.connect().await?;
        let insert = client.prepare(INSERT_SQL).await?;
        clients.push((client, insert));
    }
    let next = Arc::new(AtomicUsize::new(0));
    let since = Instant::now();
    let clients = clients.into_iter().map(|(client, insert)| {
        let (rows, next) = (Arc::clone(&rows), Arc::clone(&next));
        tokio::spawn(async move { insert_all(&client, &insert, &rows, &next).await })
    });
    for outcome in try_join_all(clients).await.context("the task of a client")? {
        outcome.context("inserting a row")?;
    }
    Ok(rows.len() as f64 / since.elapsed().as_secs_f64())
}

async fn rows(database: &TestDatabase) -> anyhow::Result<Vec<Row>> {
    let client = database.connect().await?;
    client.batch_execute(CREATE_SQL).await?;
    let rows = client.query(ROWS_SQL, &[]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Row {
            position: row.try_get(0)?,
            revision: row.try_get(1)?,
            event_id: row.try_get(2)?,
            stream: row.try_get(3)?,
            kind: row.try_get(4)?,
            payload: row.try_get(5)?,
            metadata: row.try_get(6)?,
        })
    };
    rows.iter().map(read).collect()
}

async fn insert_all(
    client: &Client,
    insert: &Statement,
    rows: &[Row],
    next: &AtomicUsize,
) -> Result<(), tokio_postgres::Error> {
    while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
        let Row { position, revision, event_id, stream, kind, payload, metadata } = row;
        let values: [&(dyn ToSql + Sync); 7] =
            [position, revision, event_id, stream, kind, payload, metadata];
        client.execute(insert, &values).await?;
    }
    Ok(())
}
