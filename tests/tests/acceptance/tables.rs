//! Reads PostgreSQL: the views for people, and every byte of a schema.

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use tokio_postgres::Client;

use crate::client::wait_until;

/// Both views, under their published names.
pub(crate) const VIEWS: [&str; 2] = ["legacy", "dynamic"];

/// The ids of all reservations in a view.
pub(crate) async fn ids(database: &Client, view: &str) -> Vec<String> {
    let rows = database.query(&format!("SELECT id FROM {view}.reservations"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Waits until both views hold these reservations.
pub(crate) async fn wait_for(database: &Client, expected: &BTreeSet<String>) {
    for view in VIEWS {
        wait_until("both views to hold the acknowledged bookings", async || {
            let found: BTreeSet<String> = ids(database, view).await.into_iter().collect();
            match expected.difference(&found).count() {
                0 => Ok(()),
                missing => Err(format!("{missing} of {} are missing in {view}.reservations", expected.len())),
            }
        })
        .await;
    }
}

/// Checks that both views hold exactly these reservations, each once and each of another patient: every invented
/// patient books once.
pub(crate) async fn assert_hold_exactly(database: &Client, expected: &BTreeSet<String>) {
    wait_for(database, expected).await;
    for view in VIEWS {
        let found = ids(database, view).await;
        assert_eq!(found.len(), expected.len(), "reservations in {view}");
        assert_eq!(&found.into_iter().collect::<BTreeSet<_>>(), expected, "{view}");
        let patients = format!("SELECT count(DISTINCT phone) FROM {view}.reservations");
        let patients: i64 = database.query_one(&patients, &[]).await.unwrap().get(0);
        assert_eq!(patients, i64::try_from(expected.len()).unwrap(), "patients in {view}");
    }
}

/// The contents of all tables in these schemas, as text and in binary form. Also returns their names.
pub(crate) async fn bytes_of(database: &Client, schemas: &[&str]) -> (Vec<String>, Vec<u8>) {
    let tables = database
        .query(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
             WHERE schemaname = ANY($1) ORDER BY 1",
            &[&schemas],
        )
        .await
        .unwrap();
    let tables: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
    let mut bytes = Vec::new();
    for table in &tables {
        for format in ["text", "binary"] {
            let copy = database.copy_out(&format!("COPY {table} TO STDOUT (FORMAT {format})")).await.unwrap();
            let chunks: Vec<bytes::Bytes> = copy.try_collect().await.unwrap();
            bytes.extend(chunks.concat());
        }
    }
    (tables, bytes)
}
