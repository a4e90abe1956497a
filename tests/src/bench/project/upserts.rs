//! The machine's side of live projection: upserts the finished rows of both views in equal parts.
//!
//! It must never write fewer rows, or maintain fewer keys and indexes, than the views have.

use std::time::Instant;

use anyhow::ensure;
use tokio_postgres::Client;

use crate::clinic::Clinic;

/// The views of a new clinic.
const VIEWS: [&str; 2] = ["legacy_1", "dynamic_1"];

/// The rows of one view, and the table that receives them.
struct View {
    upsert: String,
    /// JSON arrays, one per commit.
    parts: Vec<String>,
}

/// Upserts the rows of the views into empty tables of the same shape, with this many commits. Returns the seconds.
pub(super) async fn run(clinic: &Clinic, commits: usize) -> anyhow::Result<f64> {
    let mut client = clinic.database.connect().await?;
    let mut views = Vec::with_capacity(VIEWS.len());
    for schema in VIEWS {
        views.push(View::read(&client, schema, commits).await?);
    }
    let since = Instant::now();
    for number in 0..commits {
        let transaction = client.transaction().await?;
        for view in &views {
            if let Some(part) = view.parts.get(number) {
                transaction.execute(&view.upsert, &[part]).await?;
            }
        }
        transaction.commit().await?;
    }
    Ok(since.elapsed().as_secs_f64())
}

impl View {
    /// Reads the rows and creates an empty table with the same keys and indexes.
    async fn read(client: &Client, schema: &str, commits: usize) -> anyhow::Result<Self> {
        let table = format!("machine_{schema}");
        let create = format!("CREATE TABLE {table} (LIKE {schema}.reservations INCLUDING ALL)");
        client.batch_execute(&create).await?;
        let columns = client
            .query_one(
                "SELECT string_agg(format('%I = excluded.%I', attname, attname), ', ') FROM pg_attribute
                 WHERE attrelid = to_regclass($1) AND attnum > 0",
                &[&table],
            )
            .await?;
        let set: String = columns.try_get(0)?;
        let upsert = format!(
            "INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, $1::text::json)
             ON CONFLICT (id) DO UPDATE SET {set}"
        );
        let parts = format!(
            "SELECT json_agg(r)::text FROM (SELECT r, ntile({commits}) OVER (ORDER BY \"createdAt\") AS part
             FROM {schema}.reservations r) AS parted GROUP BY part ORDER BY part"
        );
        let parts = client.query(&parts, &[]).await?;
        ensure!(!parts.is_empty(), "the view has no rows");
        let parts = parts.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        Ok(Self { upsert, parts })
    }
}
