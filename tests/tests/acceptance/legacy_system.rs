//! The old system's live database, with the rows of the export in any number of copies.

use std::path::PathBuf;

use daybook_tests::postgres::TestDatabase;
use futures_util::SinkExt;
use tokio_postgres::Client;

use crate::client::EXPORT;

/// Names a folder with the schema and an export of another old system (`schema.sql` and `reservations.csv`), to run a
/// test with them.
const OTHER: &str = "DAYBOOK_TEST_OLD_SYSTEM";

/// Creates one with this many copies of each row, and connects to it.
pub(crate) async fn start(copies: usize) -> (TestDatabase, Client) {
    let (database, client) =
        loaded(include_str!("../commands/legacy_schema.sql"), std::fs::read(EXPORT).unwrap()).await;
    let more = format!(
        r#"INSERT INTO reservations SELECT id || '-' || n, "patientName", phone, email, "birthDate", gender, "treatmentType",
               "preferredDate", "preferredTime", status, notes, "adminNotes", "createdAt", "updatedAt", service,
               "statusChangedAt", "statusChangedBy" FROM reservations, generate_series(2, {copies}) AS n"#
    );
    client.batch_execute(&more).await.unwrap();
    (database, client)
}

/// Creates the one that `DAYBOOK_TEST_OLD_SYSTEM` names, or one as in [`start`].
pub(crate) async fn start_other_or(copies: usize) -> (TestDatabase, Client) {
    let Some(folder) = std::env::var_os(OTHER).map(PathBuf::from) else { return start(copies).await };
    let schema = std::fs::read_to_string(folder.join("schema.sql")).unwrap();
    loaded(&schema, std::fs::read(folder.join("reservations.csv")).unwrap()).await
}

async fn loaded(schema: &str, export: Vec<u8>) -> (TestDatabase, Client) {
    let database = TestDatabase::empty().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute(schema).await.unwrap();
    let sink = client.copy_in("COPY reservations FROM STDIN (FORMAT csv, HEADER true)").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    sink.send(bytes::Bytes::from(export)).await.unwrap();
    sink.finish().await.unwrap();
    (database, client)
}

/// Number of reservations.
pub(crate) async fn rows(client: &Client) -> usize {
    let count: i64 =
        client.query_one("SELECT count(*) FROM reservations", &[]).await.unwrap().try_get(0).unwrap();
    usize::try_from(count).unwrap()
}

/// Moves the creation time of this many rows to a week ago, one after another from the current hour on, as a basis for
/// comparison with new bookings.
pub(crate) async fn move_to_last_week(client: &Client, rows: usize, pause_ms: usize) {
    let sql = format!(
        r#"WITH made AS (
               SELECT id, date_trunc('milliseconds', now() AT TIME ZONE 'UTC') - interval '7 days'
                   + row_number() OVER (ORDER BY id) * interval '{pause_ms} ms' AS at
               FROM reservations ORDER BY id LIMIT {rows}
           )
           UPDATE reservations SET "createdAt" = at, "updatedAt" = at, "statusChangedAt" = at
           FROM made WHERE made.id = reservations.id"#
    );
    assert_eq!(client.execute(&sql, &[]).await.unwrap(), rows as u64);
}
