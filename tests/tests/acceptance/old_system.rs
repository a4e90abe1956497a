//! The old system's live database, with the rows of the export, each as often as a test wants.

use daybook_tests::postgres::TestDatabase;
use futures_util::SinkExt;
use tokio_postgres::Client;

use crate::asking::EXPORT;

/// Starts one with so many copies of each row, and gives a connection to it.
pub(crate) async fn start(copies: usize) -> (TestDatabase, Client) {
    let database = TestDatabase::empty().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute(include_str!("../commands/legacy_schema.sql")).await.unwrap();
    let sink = client.copy_in("COPY reservations FROM STDIN (FORMAT csv, HEADER true)").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    sink.send(bytes::Bytes::from(std::fs::read(EXPORT).unwrap())).await.unwrap();
    sink.finish().await.unwrap();
    let more = format!(
        r#"INSERT INTO reservations SELECT id || '-' || n, "patientName", phone, email, "birthDate", gender, "treatmentType",
               "preferredDate", "preferredTime", status, notes, "adminNotes", "createdAt", "updatedAt", service,
               "statusChangedAt", "statusChangedBy" FROM reservations, generate_series(2, {copies}) AS n"#
    );
    client.batch_execute(&more).await.unwrap();
    (database, client)
}
