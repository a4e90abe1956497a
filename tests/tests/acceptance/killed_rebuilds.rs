//! Rebuilds that are killed half-way: reads continue, and the next start removes the leftovers.

use daybook_tests::process::Installation;
use tokio_postgres::Client;

use crate::client::{EXPORT, EXPORT_ROWS, client, get, wait_until};
use crate::tables::VIEWS;

/// Number of rebuilds to kill.
const KILLED: usize = 3;

const HALF_BUILT: &str = "SELECT count(*) FROM control.generations WHERE state IN ('building', 'failed')";
const SCHEMAS: &str = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(legacy|dynamic)_[0-9]+$'";

async fn count(database: &Client, sql: &str) -> i64 {
    database.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rebuild_leaves_reads_undisturbed_and_is_cleaned_up_at_the_next_start() {
    let clinic = Installation::open().await.unwrap();
    clinic.run(&["import", "run", "--csv", EXPORT, "--yes", "--json"]).await.unwrap().json().unwrap();
    let database = clinic.connect().await.unwrap();
    let mut service = clinic.serve().await.unwrap();
    for _ in 0..KILLED {
        let command = clinic.command(&["projection", "rebuild", "all", "--yes"], &[]).await;
        let mut rebuild = command.unwrap().spawn().unwrap();
        wait_until("a generation to be built", async || match count(&database, HALF_BUILT).await {
            0 => Err("none yet".to_owned()),
            _ => Ok(()),
        })
        .await;
        rebuild.kill().await.unwrap();
        let response = get(&client(), &service, "/api/public/services").await.unwrap().ok();
        assert_eq!(response.generation, "legacy_1");
        // The lock of the killed rebuild is released when its connection ends.
        wait_until("the next start to remove it", async || {
            service.kill().await.unwrap();
            service = clinic.serve().await.unwrap();
            match (count(&database, HALF_BUILT).await, count(&database, SCHEMAS).await) {
                (0, 2) => Ok(()),
                left => Err(format!("{left:?}")),
            }
        })
        .await;
    }
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
    for view in VIEWS {
        assert_eq!(
            verdict["reservations"][format!("{view}_1")].as_u64(),
            Some(EXPORT_ROWS as u64),
            "{verdict}"
        );
    }
}
