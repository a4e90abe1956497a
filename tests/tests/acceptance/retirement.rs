//! The legacy view is retired under a running service, stays retired after a `kill -9`, and is restored.

use std::collections::BTreeSet;

use daybook_tests::process::{CommandOutput, Installation, Service};
use serde_json::Value;
use tokio_postgres::Client;

use crate::client::{RESERVATIONS, Response, client, form, get, send, wait_until, working_day};
use crate::tables;

/// The recorded reason of the retirement.
const REASON: &str = "nobody reads it";

async fn run_json(clinic: &Installation, arguments: &[&str]) -> Value {
    clinic.run(arguments).await.unwrap().json().unwrap()
}

/// Runs a command that must be refused with this remedy.
async fn refused(clinic: &Installation, arguments: &[&str], way_out: &str) {
    let CommandOutput { code, stderr, .. } = clinic.run(arguments).await.unwrap();
    assert_eq!(code, Some(1), "{arguments:?}: {stderr}");
    assert!(stderr.contains(way_out), "{arguments:?}: {stderr}");
}

async fn book(service: &Service, patient: usize, start: &str) -> Response {
    let form = form(patient, "SKIN_CARE", working_day(5), start);
    send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok()
}

/// A read that must include a booking.
async fn read_after(service: &Service, booked: &Response) -> Response {
    let path = format!("/api/public/reservations/time-slots?service=SKIN_CARE&date={}", working_day(5));
    let request = client().get(service.url(&path)).header("Daybook-At-Least", &booked.position);
    send(request).await.unwrap().ok()
}

async fn legacy_schemas(database: &Client) -> Vec<String> {
    let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^legacy(_[0-9]+)?$' ORDER BY 1";
    database.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_legacy_view_is_retired_and_restored_under_a_running_service() {
    let clinic = Installation::open().await.unwrap();
    let database = clinic.connect().await.unwrap();
    let mut service = clinic.serve().await.unwrap();
    let mut booked = vec![book(&service, 1, "09:00").await];
    let retire = ["projection", "retire", "legacy", "--reason", REASON, "--yes", "--json"];
    refused(&clinic, &retire, "daybook reads set --dynamic 100").await;
    let reads = |percent| ["reads", "set", "--dynamic", percent, "--reason", "go", "--yes", "--json"];
    run_json(&clinic, &reads("100")).await;

    let record = run_json(&clinic, &retire).await;
    assert_eq!((&record["reservations"], &record["reason"]), (&1.into(), &REASON.into()), "{record}");
    assert!(record["dropped_at"].is_string() && record["only_here"] == serde_json::json!([]), "{record}");
    assert_eq!(legacy_schemas(&database).await, [""; 0]);
    booked.push(book(&service, 2, "10:30").await);

    service.kill().await.unwrap();
    service = clinic.serve().await.unwrap();
    booked.push(book(&service, 3, "14:00").await);
    let response = read_after(&service, &booked[2]).await;
    assert_eq!(response.model, "dynamic");
    assert_eq!(legacy_schemas(&database).await, [""; 0], "a start must not build a retired view");
    let ready = get(&client(), &service, "/readyz").await.unwrap().ok();
    assert!(ready.body["checks"].get("legacy").is_none(), "{}", ready.body);
    assert_reported_as_retired(&clinic).await;

    let restored = run_json(&clinic, &["projection", "restore", "legacy", "--yes", "--json"]).await;
    assert_eq!((&restored["proof"], &restored["rebuild"]["compared"]), (&"other_view".into(), &true.into()));
    assert_eq!(
        read_after(&service, &booked[2]).await.model,
        "dynamic",
        "until the percentage is raised again"
    );
    run_json(&clinic, &["reads", "rollback", "--reason", "a drill", "--yes", "--json"]).await;
    wait_until("the restored view to answer reads", async || {
        let response = read_after(&service, &booked[2]).await;
        if response.generation == "legacy_2" { Ok(()) } else { Err(response.generation) }
    })
    .await;
    booked.push(book(&service, 4, "15:30").await);
    let ids: BTreeSet<String> = booked.iter().map(|response| response.id().to_owned()).collect();
    tables::assert_hold_exactly(&database, &ids).await;
    assert_eq!(run_json(&clinic, &["projection", "verify", "--json"]).await["agrees"], true);
    let again = run_json(&clinic, &["projection", "restore", "legacy", "--yes", "--json"]).await;
    assert_eq!(again["restored"], Value::Null, "{again}");
}

/// Every command reports the view as retired, and not as missing.
async fn assert_reported_as_retired(clinic: &Installation) {
    let restore = "daybook projection restore legacy";
    let set = ["reads", "set", "--dynamic", "50", "--reason", "x", "--yes"];
    let roll_back = ["reads", "rollback", "--reason", "x", "--yes"];
    let rebuild = ["projection", "rebuild", "legacy", "--yes"];
    let commands: [&[&str]; 4] = [&set, &roll_back, &rebuild, &["projection", "verify"]];
    for arguments in commands {
        refused(clinic, arguments, restore).await;
    }
    for arguments in [["projection", "list"].as_slice(), &["status"], &["reads", "show"]] {
        let shown = clinic.run(arguments).await.unwrap();
        assert_eq!(shown.code, Some(0), "{arguments:?}: {}", shown.stderr);
        assert!(shown.stdout.contains(restore) && shown.stdout.contains(REASON), "{}", shown.stdout);
    }
    let rebuilt = clinic.run(&["projection", "rebuild", "all", "--yes", "--json"]).await.unwrap();
    assert!(rebuilt.stderr.contains("The legacy view is retired and left out"), "{}", rebuilt.stderr);
    assert_eq!(rebuilt.json().unwrap()["generations"], serde_json::json!(["dynamic_2"]));
    let dynamic = clinic.run(&["projection", "retire", "dynamic", "--reason", "x", "--yes"]).await.unwrap();
    assert_eq!(dynamic.code, Some(2), "{}", dynamic.stderr);
}
