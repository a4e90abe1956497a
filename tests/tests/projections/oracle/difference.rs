//! Rows of the view beside rows of the oracle, and the first place where they part.
//!
//! It must never show what a patient wrote: of the columns that hold such texts it tells the form and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use daybook_projections::ERASED;
use serde_json::{Map, Value};
use tokio_postgres::Client;

/// The oracle's word for a text that it does not open and that has to be there.
const SEALED: &str = "(sealed)";

/// The oracle's word for a text that it does not open and that may be there or not.
const ANY: &str = "(any)";

/// Columns in which the view may show what a patient or the staff wrote.
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

/// The first place where the view departs from the oracle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Which reservation.
    pub(super) reservation: String,
    /// Which column.
    pub(super) column: String,
    /// What the events say.
    pub(super) derived: String,
    /// What the view shows, as far as it may be told.
    pub(super) shown: String,
}

impl Rows {
    /// Reads a statement's rows of one JSON object each.
    pub(super) async fn read(client: &Client, sql: &str) -> Self {
        let mut rows = BTreeMap::new();
        for row in client.query(sql, &[]).await.unwrap() {
            let columns: Map<String, Value> = serde_json::from_str(row.get(0)).unwrap();
            let id = columns["id"].as_str().unwrap().to_owned();
            assert!(rows.insert(id.clone(), columns).is_none(), "{id} is there twice");
        }
        Self(rows)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Compares row for row and column for column, in the order of ids and of columns' names.
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
            && agree(derived, shown)
        {
            return None;
        }
        Some(Difference {
            reservation: id.to_owned(),
            column: column.clone(),
            derived: pair.0.map_or_else(|| "no such column".to_owned(), Value::to_string),
            shown: pair.1.map_or_else(|| "no such column".to_owned(), |value| tell(column, value)),
        })
    })
}

fn agree(derived: &Value, shown: &Value) -> bool {
    let text = shown.as_str().is_some_and(|text| text != ERASED);
    match derived.as_str() {
        Some(SEALED) => text,
        Some(ANY) => text || shown.is_null(),
        Some(_) | None => derived == shown,
    }
}

fn tell(column: &str, shown: &Value) -> String {
    if !WRITTEN.contains(&column) || shown.is_null() || shown == ERASED {
        return shown.to_string();
    }
    format!("a text of {} characters", shown.as_str().map_or(0, |text| text.chars().count()))
}
