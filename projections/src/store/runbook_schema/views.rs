//! The schema `runbook`: the tables that the runbook's SELECTs name, as views over the generations that serve.
//!
//! While the legacy view serves, a reservation shows its old and its new fields side by side; without it the old ones are
//! gone, and `service_reservation_limits` with them. Every column has its own name, and that name in lower case, which is
//! what PostgreSQL makes of a name that is not quoted.

use std::fmt::Write as _;

use daybook_domain::ReadModel;
use deadpool_postgres::{GenericClient, Pool, Transaction};

use super::{LOCK_TIMEOUT, SCHEMA, reader};
use crate::ViewError;
use crate::control::generation::{self, Generation};

/// Advisory lock of whoever replaces the views: several processes may start at once.
const REPLACE_LOCK: i64 = i64::from_be_bytes(*b"dayview\x03");

/// What the schema may hold.
const VIEWS: [&str; 4] = ["reservations", "services", "clinic_time_slots", "service_reservation_limits"];

/// Columns of reservations that are Daybook's own: the old team knows nothing of them.
const OWN: [&str; 2] = ["subject", "version"];

/// Columns of reservations that only the legacy view has.
pub const OLD_COLUMNS: [&str; 2] = ["service", "preferredTime"];

/// Columns that hold a moment in UTC without saying so. Here they say it: whoever compares one with `NOW()` is right in
/// whatever zone the session has.
const MOMENTS: [&str; 4] = ["createdAt", "updatedAt", "statusChangedAt", "deletedAt"];

/// A column of a table that has a short name in the statement.
struct Column {
    table: &'static str,
    name: String,
}

impl Column {
    fn value(&self) -> String {
        let Self { table, name } = self;
        let zone = if MOMENTS.contains(&name.as_str()) { " AT TIME ZONE 'UTC'" } else { "" };
        format!(r#"{table}."{name}"{zone}"#)
    }

    fn shown_as(&self, name: &str) -> String {
        format!(r#"{} AS "{name}""#, self.value())
    }

    fn in_lower_case(&self) -> Option<String> {
        let folded = self.name.to_ascii_lowercase();
        (folded != self.name).then(|| self.shown_as(&folded))
    }
}

/// All columns under their names, then, once more, those that are called otherwise when they are not quoted.
fn select_list(columns: &[Column]) -> String {
    let named = columns.iter().map(|column| column.shown_as(&column.name));
    let folded = columns.iter().filter_map(Column::in_lower_case);
    named.chain(folded).collect::<Vec<_>>().join(", ")
}

/// Makes the views anew over what serves, in one transaction: who reads them meanwhile sees the old ones or the new ones.
/// They are dropped and made, for a view cannot be replaced by one whose columns have other types.
pub(super) async fn replace(pool: &Pool) -> Result<(), ViewError> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let alone =
        format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SELECT pg_advisory_xact_lock({REPLACE_LOCK})");
    transaction.batch_execute(&alone).await?;
    let live = generation::live(&transaction).await?;
    let of = |model| live.iter().map(|standing| standing.generation).find(|one| one.model == model);
    transaction.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}; {}", drop_views())).await?;
    if let Some(dynamic) = of(ReadModel::Dynamic) {
        let ddl = create_views(&transaction, dynamic, of(ReadModel::Legacy)).await?;
        transaction.batch_execute(&ddl).await?;
        reader::grant(&transaction).await?;
    }
    Ok(transaction.commit().await?)
}

fn drop_views() -> String {
    let views = VIEWS.map(|view| format!("{SCHEMA}.{view}"));
    format!("DROP VIEW IF EXISTS {}", views.join(", "))
}

async fn create_views(
    transaction: &Transaction<'_>,
    dynamic: Generation,
    legacy: Option<Generation>,
) -> Result<String, ViewError> {
    let mut ddl = reservations(transaction, dynamic, legacy).await?;
    let limits = legacy.map(|legacy| (legacy, "service_reservation_limits"));
    let plain = [(dynamic, "services"), (dynamic, "clinic_time_slots")].into_iter().chain(limits);
    for (generation, table) in plain {
        let source = format!("{}.{table}", generation.schema());
        let columns = columns(transaction, "t", &source).await?;
        // Writing into a String cannot fail.
        let _ =
            write!(ddl, "; CREATE VIEW {SCHEMA}.{table} AS SELECT {} FROM {source} t", select_list(&columns));
    }
    Ok(ddl)
}

/// The legacy row joins by its key, so that the planner leaves it out where no old field is asked for.
async fn reservations(
    transaction: &Transaction<'_>,
    dynamic: Generation,
    legacy: Option<Generation>,
) -> Result<String, ViewError> {
    let source = format!("{}.reservations", dynamic.schema());
    let mut shown = columns(transaction, "r", &source).await?;
    shown.retain(|column| !OWN.contains(&column.name.as_str()));
    let mut join = String::new();
    if let Some(legacy) = legacy {
        shown.extend(OLD_COLUMNS.map(|name| Column { table: "old", name: name.to_owned() }));
        join = format!(" LEFT JOIN {}.reservations old ON old.id = r.id", legacy.schema());
    }
    let columns = select_list(&shown);
    Ok(format!("CREATE VIEW {SCHEMA}.reservations AS SELECT {columns} FROM {source} r{join}"))
}

async fn columns(
    client: &impl GenericClient,
    table: &'static str,
    source: &str,
) -> Result<Vec<Column>, ViewError> {
    let sql = "SELECT attname::text FROM pg_attribute
               WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    let rows = client.query(sql, &[&source]).await?;
    rows.iter().map(|row| Ok(Column { table, name: row.try_get(0)? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_lower_case_stands_beside_one_that_has_to_be_quoted() {
        let columns =
            ["id", "serviceId", "createdAt"].map(|name| Column { table: "r", name: name.to_owned() });
        let shown = select_list(&columns);
        let expected = r#"r."id" AS "id", r."serviceId" AS "serviceId", r."createdAt" AT TIME ZONE 'UTC' AS "createdAt", r."serviceId" AS "serviceid", r."createdAt" AT TIME ZONE 'UTC' AS "createdat""#;
        assert_eq!(shown, expected);
    }
}
