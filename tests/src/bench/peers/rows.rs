//! The rows of a rebuild, and how far a library's rows equal Daybook's.
//!
//! Two rows must never count as equal if any column differs.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use daybook_domain::ReadModel;
use daybook_projections::RebuildReport;
use serde_json::{Map, Value};

use crate::clinic::Clinic;
use crate::postgres::TestDatabase;

/// Prefix of the fields that a library adds to its documents.
const OWN_MARK: char = '_';

/// Reservations by id, each with its columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows(BTreeMap<String, Map<String, Value>>);

impl Rows {
    /// Reads the rows of the dynamic view that was just rebuilt.
    pub(super) async fn from_daybook(clinic: &Clinic, report: &RebuildReport) -> anyhow::Result<Self> {
        let mut generations = report.generations.iter();
        let dynamic = generations.find(|generation| generation.model == ReadModel::Dynamic);
        let schema = dynamic.context("the dynamic view was not rebuilt")?.schema();
        let sql = format!("SELECT to_jsonb(r) FROM {schema}.reservations r");
        Self::from_query(&clinic.database, &sql).await
    }

    /// Reads the rows of a query that returns one JSON column.
    pub(super) async fn from_query(database: &TestDatabase, sql: &str) -> anyhow::Result<Self> {
        let client = database.connect().await?;
        let mut rows = BTreeMap::new();
        for row in client.query(&format!("SELECT row::text FROM ({sql}) AS rows (row)"), &[]).await? {
            let mut columns: Map<String, Value> = serde_json::from_str(row.try_get(0)?)?;
            columns.retain(|name, _| !name.starts_with(OWN_MARK));
            let id = columns.get("id").and_then(Value::as_str).context("a row has no id")?.to_owned();
            ensure!(rows.insert(id, columns).is_none(), "a reservation has two rows");
        }
        Ok(Self(rows))
    }
}

/// How far a library's rows equal Daybook's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Agreement {
    /// Number of rows in Daybook.
    pub(super) expected: usize,
    /// Number of rows in the library.
    pub(super) found: usize,
    /// Rows that are equal in every column.
    pub(super) equal: usize,
}

impl Agreement {
    pub(super) fn compare(expected: &Rows, found: &Rows) -> Self {
        let equal = expected.0.iter().filter(|(id, columns)| found.0.get(*id) == Some(columns)).count();
        Self { expected: expected.0.len(), found: found.0.len(), equal }
    }

    /// Whether the library has exactly Daybook's rows.
    pub(super) const fn is_complete(self) -> bool {
        self.equal == self.expected && self.found == self.expected
    }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;

    fn rows(all: &[(&str, &str)]) -> Rows {
        let columns = |id: &str, status: &str| {
            [("id", id), ("status", status)].map(|(name, value)| (name.to_owned(), json!(value)))
        };
        let row = |(id, status): &(&str, &str)| ((*id).to_owned(), columns(id, status).into_iter().collect());
        Rows(all.iter().map(row).collect())
    }

    #[test]
    fn the_same_rows_agree() {
        let agreement = Agreement::compare(&rows(&[("a", "PENDING")]), &rows(&[("a", "PENDING")]));
        assert_eq!(agreement, Agreement { expected: 1, found: 1, equal: 1 });
        assert!(agreement.is_complete());
    }

    #[test]
    fn lost_changed_and_added_rows_are_counted() {
        let expected = rows(&[("a", "PENDING"), ("b", "CONFIRMED")]);
        for (found, equal) in [
            (rows(&[("a", "PENDING")]), 1),
            (rows(&[("a", "PENDING"), ("b", "PENDING")]), 1),
            (rows(&[("a", "PENDING"), ("b", "CONFIRMED"), ("c", "PENDING")]), 2),
        ] {
            let agreement = Agreement::compare(&expected, &found);
            assert_eq!(agreement.equal, equal);
            assert!(!agreement.is_complete(), "{agreement:?}");
        }
    }
}
