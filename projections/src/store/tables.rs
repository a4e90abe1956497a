//! The tables of a generation: made here from the DDL under `migrations/views`, and nowhere else.

use std::sync::{Mutex, PoisonError};

use daybook_domain::ReadModel;
use daybook_domain::routing::Routing;
use deadpool_postgres::{Client, GenericClient, Object, Transaction};
use futures_util::future::try_join_all;

use crate::ViewError;
use crate::control::generation::Generation;

const LEGACY_TABLES: &str = include_str!("../../../migrations/views/legacy.tables.sql");
const LEGACY_INDEXES: &str = include_str!("../../../migrations/views/legacy.indexes.sql");
const LEGACY_KEYS: &str = include_str!("../../../migrations/views/legacy.keys.sql");
const DYNAMIC_TABLES: &str = include_str!("../../../migrations/views/dynamic.tables.sql");
const DYNAMIC_INDEXES: &str = include_str!("../../../migrations/views/dynamic.indexes.sql");
const DYNAMIC_KEYS: &str = include_str!("../../../migrations/views/dynamic.keys.sql");
const DYNAMIC_BESIDE_LEGACY: &str = include_str!("../../../migrations/views/dynamic.beside_legacy.sql");
const DYNAMIC_AFTER_CLEANUP: &str = include_str!("../../../migrations/views/dynamic.after_cleanup.sql");
const SHARED_TABLES: &str = include_str!("../../../migrations/views/shared.tables.sql");

fn for_schema(ddl: &str, generation: Generation) -> String {
    ddl.replace("{schema}", &generation.schema())
}

/// Makes a generation's schema and tables, without keys and indexes on its reservations.
pub(crate) async fn create(client: &impl GenericClient, generation: Generation) -> Result<(), ViewError> {
    let own = match generation.model {
        ReadModel::Legacy => LEGACY_TABLES,
        ReadModel::Dynamic => DYNAMIC_TABLES,
    };
    client.batch_execute(&for_schema(own, generation)).await?;
    client.batch_execute(&for_schema(SHARED_TABLES, generation)).await?;
    Ok(())
}

/// Drops a generation's schema with all that is in it.
pub(crate) async fn drop(client: &impl GenericClient, generation: Generation) -> Result<(), ViewError> {
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", generation.schema())).await?;
    Ok(())
}

/// Memory for sorting a generation's rows for one index, as PostgreSQL's `maintenance_work_mem`: enough for about a
/// million of them. Several are made at once.
const SORT_MEMORY: &str = "128MB";

/// Which of two sets of indexes the dynamic view's reservations have. One index of them is another, so that neither set costs
/// a rebuild more than the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indexes {
    /// Those of the migration plan, while the legacy view is there or can be.
    BesideLegacy,
    /// Those of the plan's cleanup, while the legacy view is retired.
    AfterCleanup,
}

impl Indexes {
    /// Those that hold under a routing.
    pub(crate) fn under(routing: &Routing) -> Self {
        if routing.is_retired(ReadModel::Legacy) { Self::AfterCleanup } else { Self::BesideLegacy }
    }
}

/// Statements that each make one index of a generation's reservations, and none of which stands in another's way.
fn index_statements(generation: Generation, indexes: Indexes) -> impl Iterator<Item = String> {
    let ddl: &[&str] = match (generation.model, indexes) {
        (ReadModel::Legacy, _) => &[LEGACY_INDEXES],
        (ReadModel::Dynamic, Indexes::BesideLegacy) => &[DYNAMIC_INDEXES, DYNAMIC_BESIDE_LEGACY],
        (ReadModel::Dynamic, Indexes::AfterCleanup) => &[DYNAMIC_INDEXES, DYNAMIC_AFTER_CLEANUP],
    };
    let statements = ddl.iter().flat_map(|ddl| ddl.split_inclusive(';')).filter(|ddl| ddl.ends_with(';'));
    statements.map(move |ddl| for_schema(&ddl.replace("{concurrently}", ""), generation))
}

/// Makes the indexes of a generation's reservations, as many at once as there are connections. Those take the place of the
/// workers that PostgreSQL would give each index, and which have to hand their parts on to one another.
pub(crate) async fn index_beside_each_other(
    connections: &mut [Client],
    generation: Generation,
    indexes: Indexes,
) -> Result<(), ViewError> {
    let statements = Mutex::new(index_statements(generation, indexes));
    let next = || statements.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = connections.iter_mut().map(async |client| {
        while let Some(ddl) = next() {
            let transaction = client.transaction().await?;
            let means = format!(
                "SET LOCAL maintenance_work_mem = '{SORT_MEMORY}'; SET LOCAL max_parallel_maintenance_workers = 0"
            );
            transaction.batch_execute(&format!("{means}; {ddl}")).await?;
            transaction.commit().await?;
        }
        Ok::<_, ViewError>(())
    });
    try_join_all(work).await?;
    Ok(())
}

/// Makes the keys of a generation's reservations, whose indexes are there.
pub(crate) async fn add_keys(client: &impl GenericClient, generation: Generation) -> Result<(), ViewError> {
    let ddl = match generation.model {
        ReadModel::Legacy => LEGACY_KEYS,
        ReadModel::Dynamic => DYNAMIC_KEYS,
    };
    Ok(client.batch_execute(&for_schema(ddl, generation)).await?)
}

/// Makes the keys and indexes of a generation's reservations within a transaction.
pub(crate) async fn index(
    transaction: &Transaction<'_>,
    generation: Generation,
    indexes: Indexes,
) -> Result<(), ViewError> {
    for ddl in index_statements(generation, indexes) {
        transaction.batch_execute(&ddl).await?;
    }
    add_keys(transaction, generation).await
}

/// The index of the cleanup, and the one in whose place it comes: what that one finds, it finds as well.
pub const CLEANUP_INDEX: &str = "reservations_preferredDate_period_serviceId_status_idx";
const REPLACED_INDEX: &str = "reservations_preferredDate_period_status_idx";

/// How long making an index waits for those who write, and for transactions that began before it.
pub const INDEX_PATIENCE_SECONDS: u64 = 60;

/// Gives a generation that serves the indexes of the cleanup, beside whoever reads and writes, and gathers the statistics of
/// what the runbook asks. Does only what is not done yet.
pub async fn index_after_cleanup(client: Client, generation: Generation) -> Result<(), ViewError> {
    let found = is_valid(&client, generation, CLEANUP_INDEX).await?;
    // A connection of its own: what is set on it ends with it.
    let client = Object::take(client);
    let schema = generation.schema();
    client.batch_execute(&format!("SET lock_timeout = '{INDEX_PATIENCE_SECONDS}s'")).await?;
    if found == Some(false) {
        // Whoever made it was killed half-way.
        client.batch_execute(&drop_concurrently(&schema, CLEANUP_INDEX)).await?;
    }
    if found != Some(true) {
        let ddl = DYNAMIC_AFTER_CLEANUP.replace("{concurrently}", "CONCURRENTLY");
        client.batch_execute(&for_schema(&ddl, generation)).await?;
    }
    client.batch_execute(&drop_concurrently(&schema, REPLACED_INDEX)).await?;
    for table in ["reservations", "services", "clinic_time_slots"] {
        client.batch_execute(&format!("ANALYZE {schema}.{table}")).await?;
    }
    Ok(())
}

fn drop_concurrently(schema: &str, index: &str) -> String {
    format!(r#"DROP INDEX CONCURRENTLY IF EXISTS {schema}."{index}""#)
}

/// Whether an index of a generation is whole; nothing where there is none.
pub async fn is_valid(
    client: &impl GenericClient,
    generation: Generation,
    index: &str,
) -> Result<Option<bool>, ViewError> {
    let name = format!(r#"{}."{index}""#, generation.schema());
    let sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)";
    client.query_opt(sql, &[&name]).await?.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// How large a sample the statistics rest on, as PostgreSQL's `default_statistics_target`: 300 rows for each. The usual 100
/// would make it a sixteenth of a rebuild; all sought columns are spread evenly or hold few values.
const STATISTICS_TARGET: u32 = 20;

/// Gathers statistics, so that the first queries are planned well: of the columns by which reservations are sought. Those
/// of the others would take several times as long and help nobody.
pub(crate) async fn analyze(client: &impl GenericClient, generation: Generation) -> Result<(), ViewError> {
    let own = match generation.model {
        ReadModel::Legacy => "service",
        ReadModel::Dynamic => r#""serviceId", period"#,
    };
    let schema = generation.schema();
    let sought = format!(r#"id, subject, "preferredDate", status, "createdAt", {own}"#);
    let sql = format!(
        "BEGIN; SET LOCAL default_statistics_target = {STATISTICS_TARGET}; \
         ANALYZE {schema}.reservations ({sought}); COMMIT"
    );
    client.batch_execute(&sql).await?;
    Ok(())
}

/// Whether a generation's tables are there.
pub async fn exist(client: &impl GenericClient, generation: Generation) -> Result<bool, ViewError> {
    let name = format!("{}.reservations", generation.schema());
    let row = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await?;
    Ok(row.try_get(0)?)
}
