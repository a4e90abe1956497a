//! The tables of a generation: made here from the DDL under `migrations/views`, and nowhere else.

use daybook_domain::ReadModel;
use deadpool_postgres::{GenericClient, Transaction};

use crate::ViewError;
use crate::generation::Generation;

const LEGACY_TABLES: &str = include_str!("../../migrations/views/legacy.tables.sql");
const LEGACY_INDEXES: &str = include_str!("../../migrations/views/legacy.indexes.sql");
const DYNAMIC_TABLES: &str = include_str!("../../migrations/views/dynamic.tables.sql");
const DYNAMIC_INDEXES: &str = include_str!("../../migrations/views/dynamic.indexes.sql");
const SHARED_TABLES: &str = include_str!("../../migrations/views/shared.tables.sql");

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

/// Memory for sorting a generation's rows, as PostgreSQL's `maintenance_work_mem`: enough for half a million of them, where the
/// usual 64 MB, divided among its workers, would make it sort on disk.
const SORT_MEMORY: &str = "160MB";

/// Makes the keys and indexes of a generation's reservations, in one transaction.
pub(crate) async fn index(transaction: &Transaction<'_>, generation: Generation) -> Result<(), ViewError> {
    transaction.batch_execute(&format!("SET LOCAL maintenance_work_mem = '{SORT_MEMORY}'")).await?;
    let ddl = match generation.model {
        ReadModel::Legacy => LEGACY_INDEXES,
        ReadModel::Dynamic => DYNAMIC_INDEXES,
    };
    transaction.batch_execute(&for_schema(ddl, generation)).await?;
    Ok(())
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
pub(crate) async fn exist(client: &impl GenericClient, generation: Generation) -> Result<bool, ViewError> {
    let name = format!("{}.reservations", generation.schema());
    let row = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await?;
    Ok(row.try_get(0)?)
}
