//! Compares the rows of the view with those of the oracle, and finds the first difference.
//!
//! It must never show the text of a patient: for columns with such texts it reports only the form.

use std::collections::{BTreeMap, BTreeSet};

use daybook_projections::ERASED;
use serde_json::{Map, Value};
use tokio_postgres::Client;

/// The oracle's marker for an unopened text that must be present.
const SEALED: &str = "(sealed)";

/// The oracle's marker for an unopened text that may be absent.
const ANY: &str = "(any)";

/// Columns that may contain texts of a patient or of the staff.
const WRITTEN: [&str; 9] = [
    "patientName",
    "phone",
    "email",
    "birthDate",
    "gender",
    "treatmentType",
    "preferredTime",
    "notes",
    "adminNotes",
];

/// Reservations by id, each with its columns by name.
pub(super) struct Rows(BTreeMap<String, Map<String, Value>>);

/// The first difference between the view and the oracle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) reservation: String,
    pub(super) column: String,
    /// The value of the oracle.
    pub(super) derived: String,
    /// The value of the view, without texts of a patient.
    pub(super) shown: String,
}

impl Rows {
    /// Reads a query that returns one JSON object per row.
    pub(super) async fn read(client: &Client, sql: &str) -> Self {
        let mut rows = BTreeMap::new();
        for row in client.query(sql, &[]).await.unwrap() {
            let columns: Map<String, Value> = serde_json::from_str(row.get(0)).unwrap();
            let id = columns["id"].as_str().unwrap().to_owned();
            assert!(rows.insert(id.clone(), columns).is_none(), "{id} occurs twice");
        }
        Self(rows)
    }

    /// The number of reservations.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Compares all rows and columns, ordered by id and column name.
pub(super) fn first_difference(derived: &Rows, shown: &Rows) -> Option<Difference> {
    let ids: BTreeSet<&String> = derived.0.keys().chain(shown.0.keys()).collect();
    ids.into_iter().find_map(|id| match (derived.0.get(id), shown.0.get(id)) {
        (Some(derived), Some(shown)) => first_column(id, derived, shown),
        (derived, shown) => {
            let presence = |there| if there { "is there" } else { "is not there" }.to_owned();
            Some(Difference {
                reservation: id.clone(),
                column: "id".to_owned(),
                derived: presence(derived.is_some()),
                shown: presence(shown.is_some()),
            })
        }
    })
}

fn first_column(id: &str, derived: &Map<String, Value>, shown: &Map<String, Value>) -> Option<Difference> {
    let columns: BTreeSet<&String> = derived.keys().chain(shown.keys()).collect();
    columns.into_iter().find_map(|column| {
        let pair = (derived.get(column), shown.get(column));
        if let (Some(derived), Some(shown)) = pair
            && matches(derived, shown)
        {
            return None;
        }
        Some(Difference {
            reservation: id.to_owned(),
            column: column.clone(),
            derived: pair.0.map_or_else(|| "no such column".to_owned(), Value::to_string),
            shown: pair.1.map_or_else(|| "no such column".to_owned(), |value| describe(column, value)),
        })
    })
}

fn matches(derived: &Value, shown: &Value) -> bool {
    let text = shown.as_str().is_some_and(|text| text != ERASED);
    match derived.as_str() {
        Some(SEALED) => text,
        Some(ANY) => text || shown.is_null(),
        Some(_) | None => derived == shown,
    }
}

fn describe(column: &str, shown: &Value) -> String {
    if !WRITTEN.contains(&column) || shown.is_null() || shown == ERASED {
        return shown.to_string();
    }
    format!("a text of {} characters", shown.as_str().map_or(0, |text| text.chars().count()))
}
