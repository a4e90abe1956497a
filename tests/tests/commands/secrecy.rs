//! No table of the log contains a patient's data as plain text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use daybook_commands::ReservationChange;
use futures_util::TryStreamExt;
use tokio_postgres::Client;

use crate::clinic::{Clinic, staff, tuesday, wanted};
use crate::import::{EXPORT, import_text};

const TABLES: &str = "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";

/// Returns the contents of all tables, as text and as binary.
async fn all_bytes(client: &Client) -> Vec<u8> {
    let mut bytes = Vec::new();
    let tables = client.query(TABLES, &[]).await.unwrap();
    for table in tables.iter().map(|row| row.get::<_, String>(0)) {
        for format in ["text", "binary"] {
            let copy = client.copy_out(&format!("COPY {table} TO STDOUT (FORMAT {format})")).await.unwrap();
            let chunks: Vec<bytes::Bytes> = copy.try_collect().await.unwrap();
            bytes.extend(chunks.concat());
        }
    }
    bytes
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_of_the_log_contains_a_patients_texts_in_plain() {
    let (clinic, process) = Clinic::set_up().await;
    import_text(&process, EXPORT).await;
    let booked = process.book(wanted(7777, "srv_skin_care", tuesday(), "저녁에 Nobody 7777")).await.unwrap();
    let changes = vec![
        ReservationChange::WriteAdminNote("a note on 7777".to_owned()),
        ReservationChange::Cancel { reason: Some("a reason of 7777".to_owned()) },
    ];
    let change = process.commands.change_all(tuesday(), booked.reservation, None, changes, staff());
    change.await.unwrap();
    let texts =
        ["Nobody", "010-0000-7777", "01000007777", "nothing much", "a note on", "a reason of", "저녁"];
    let mut secrets: Vec<String> = texts.map(str::to_owned).into();
    for record in csv::Reader::from_reader(EXPORT.as_bytes()).deserialize::<BTreeMap<String, String>>() {
        let record = record.unwrap();
        secrets.extend(["patientName", "phone", "email", "notes"].map(|column| record[column].clone()));
        secrets.push(record["phone"].replace('-', ""));
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort();
    secrets.dedup();
    assert!(secrets.len() > 200, "there are texts to search for");
    let bytes = all_bytes(&clinic.database.connect().await.unwrap()).await;
    assert!(contains(&bytes, "ReservationImported"), "the scan covers the log");
    secrets.retain(|secret| contains(&bytes, secret));
    assert_eq!(secrets, Vec::<String>::new(), "these are readable in a table");
}
