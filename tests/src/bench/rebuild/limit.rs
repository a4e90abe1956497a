//! The machine's side of a rebuild: copies the same bytes out of and into PostgreSQL, without processing them.
//!
//! It must never load fewer rows, or create fewer keys and indexes, than a rebuild does.

use std::time::Instant;

use anyhow::{Context, ensure};
use bytes::Bytes;
use daybook_domain::ReadModel;
use daybook_projections::Generation;
use futures_util::future::try_join_all;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::Client;

use crate::clinic::Clinic;

/// The query of a replay, for all events.
const EVENTS_SQL: &str = "\
    COPY (SELECT position, revision, event_id, stream, kind, payload, metadata FROM event_log.events \
    WHERE position > 0 AND true ORDER BY position) TO STDOUT (FORMAT binary)";

/// The tables of a schema. Services come first, because other tables reference them.
const TABLES_SQL: &str = "\
    SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1 \
    ORDER BY table_name <> 'services', table_name";

/// The indexes and constraints of a schema, by name.
const KEYS_SQL: &str = "\
    SELECT indexname::text FROM pg_indexes WHERE schemaname = $1 \
    UNION ALL SELECT conname::text FROM pg_constraint WHERE connamespace = to_regnamespace($1) ORDER BY 1";

/// The tables that both views have.
const SHARED_TABLES: &str = include_str!("../../../../migrations/views/shared.tables.sql");

/// The DDL of a view's tables.
const fn tables(model: ReadModel) -> &'static str {
    match model {
        ReadModel::Legacy => include_str!("../../../../migrations/views/legacy.tables.sql"),
        ReadModel::Dynamic => include_str!("../../../../migrations/views/dynamic.tables.sql"),
    }
}

/// The DDL of their indexes and keys while both views are in use.
const fn indexes(model: ReadModel) -> &'static [&'static str] {
    match model {
        ReadModel::Legacy => &[
            include_str!("../../../../migrations/views/legacy.indexes.sql"),
            include_str!("../../../../migrations/views/legacy.keys.sql"),
        ],
        ReadModel::Dynamic => &[
            include_str!("../../../../migrations/views/dynamic.indexes.sql"),
            include_str!("../../../../migrations/views/dynamic.beside_legacy.sql"),
            include_str!("../../../../migrations/views/dynamic.keys.sql"),
        ],
    }
}

/// Copies all events out and drops them. Returns the seconds.
pub(super) async fn copy_events_out(clinic: &Clinic) -> anyhow::Result<f64> {
    let client = clinic.database.connect().await?;
    let since = Instant::now();
    let mut chunks = Box::pin(client.copy_out(EVENTS_SQL).await?);
    let mut bytes = 0;
    while let Some(chunk) = chunks.try_next().await? {
        bytes += chunk.len();
    }
    ensure!(bytes > 0, "there are no events to copy");
    Ok(since.elapsed().as_secs_f64())
}

/// The rows of both finished views, in COPY's binary format.
pub(super) struct FinishedRows(Vec<View>);

struct View {
    model: ReadModel,
    /// Indexes and constraints after the rebuild.
    keys: Vec<String>,
    tables: Vec<Table>,
}

struct Table {
    name: String,
    rows: Vec<Bytes>,
}

impl FinishedRows {
    pub(super) async fn read(clinic: &Clinic, generations: &[Generation]) -> anyhow::Result<Self> {
        ensure!(generations.len() == ReadModel::ALL.len(), "a view is missing: {generations:?}");
        let client = clinic.database.connect().await?;
        let mut views = Vec::with_capacity(generations.len());
        for generation in generations {
            let schema = generation.schema();
            let mut tables = Vec::new();
            for row in client.query(TABLES_SQL, &[&schema]).await? {
                tables.push(Table::read(&client, &schema, row.try_get(0)?).await?);
            }
            views.push(View { model: generation.model, keys: keys(&client, &schema).await?, tables });
        }
        Ok(Self(views))
    }

    /// Copies the rows into empty tables and creates keys and indexes, both views concurrently as in a rebuild. Returns
    /// the seconds, without those for creating the empty tables.
    pub(super) async fn load(&self, clinic: &Clinic) -> anyhow::Result<f64> {
        let mut clients = Vec::with_capacity(self.0.len());
        for view in &self.0 {
            let client = clinic.database.connect().await?;
            let schema = view.schema();
            client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await?;
            client.batch_execute(&tables(view.model).replace("{schema}", &schema)).await?;
            client.batch_execute(&SHARED_TABLES.replace("{schema}", &schema)).await?;
            clients.push(client);
        }
        let since = Instant::now();
        try_join_all(self.0.iter().zip(&clients).map(|(view, client)| view.load(client))).await?;
        let seconds = since.elapsed().as_secs_f64();
        for (view, client) in self.0.iter().zip(&clients) {
            let made = keys(client, &view.schema()).await?;
            ensure!(made == view.keys, "a rebuild creates {:?}, but the limit created {made:?}", view.keys);
        }
        Ok(seconds)
    }
}

/// The indexes and constraints of a schema, ordered by name.
async fn keys(client: &Client, schema: &str) -> anyhow::Result<Vec<String>> {
    client.query(KEYS_SQL, &[&schema]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

impl View {
    fn schema(&self) -> String {
        format!("machine_{}", self.model)
    }

    async fn load(&self, client: &Client) -> anyhow::Result<()> {
        let schema = self.schema();
        for table in &self.tables {
            table.load(client, &schema).await.with_context(|| format!("copying into {}", table.name))?;
        }
        for ddl in indexes(self.model) {
            client.batch_execute(&ddl.replace("{concurrently}", "").replace("{schema}", &schema)).await?;
        }
        Ok(())
    }
}

impl Table {
    async fn read(client: &Client, schema: &str, name: String) -> anyhow::Result<Self> {
        let sql = format!("COPY {schema}.{name} TO STDOUT (FORMAT binary)");
        let rows = client.copy_out(&sql).await?.try_collect().await?;
        Ok(Self { name, rows: join_chunks(rows) })
    }

    async fn load(&self, client: &Client, schema: &str) -> anyhow::Result<()> {
        let sql = format!("COPY {schema}.{} FROM STDIN (FORMAT binary)", self.name);
        let mut sink = Box::pin(client.copy_in::<_, Bytes>(&sql).await?);
        for rows in &self.rows {
            sink.send(rows.clone()).await?;
        }
        sink.as_mut().finish().await?;
        Ok(())
    }
}

/// Bytes per message to the server.
const SEND_BYTES: usize = 256 * 1024;

/// The server sends one row per message. Sending them back like that would cost more than the rows.
fn join_chunks(rows: Vec<Bytes>) -> Vec<Bytes> {
    let mut all = Vec::new();
    let mut gathered: Vec<u8> = Vec::with_capacity(SEND_BYTES);
    for row in rows {
        if gathered.len() + row.len() > SEND_BYTES {
            all.push(std::mem::replace(&mut gathered, Vec::with_capacity(SEND_BYTES)).into());
        }
        gathered.extend_from_slice(&row);
    }
    all.push(gathered.into());
    all
}
