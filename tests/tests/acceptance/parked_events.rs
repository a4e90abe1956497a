//! An event that no view can apply, from the first error in the log to its discarding by an operator.

use daybook_tests::process::{CommandOutput, Installation, Service};
use serde_json::{Value, json};

use crate::client::{RESERVATIONS, client, form, send, wait_until, working_day};

/// Appends an event to the day schedule of a reservation. Returns its position.
async fn plant(clinic: &Installation, reservation: &str, kind: &str) -> i64 {
    let sql = "INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata)
               SELECT (SELECT max(position) + 1 FROM event_log.events),
                      (SELECT max(revision) + 1 FROM event_log.events WHERE stream = e.stream),
                      gen_random_uuid(), e.stream, $2, json_build_object('reservation', $1::text), e.metadata
               FROM event_log.events e
               WHERE e.kind = 'ReservationRequested' AND e.payload->>'reservation' = $1 RETURNING position";
    clinic.connect().await.unwrap().query_one(sql, &[&reservation, &kind]).await.unwrap().get(0)
}

async fn parked(clinic: &Installation, arguments: &[&str]) -> CommandOutput {
    let all: Vec<&str> = ["projection", "parked"].iter().chain(arguments).copied().collect();
    clinic.run(&all).await.unwrap()
}

async fn book(service: &Service, patient: usize, time: &str) -> String {
    let form = form(patient, "SKIN_CARE", working_day(2), time);
    send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok().id().to_owned()
}

async fn text(service: &Service, path: &str) -> (u16, String) {
    let response = client().get(service.url(path)).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_retries_and_discards_a_parked_event() {
    let clinic = Installation::open().await.unwrap();
    let mut service = clinic.serve().await.unwrap();
    let (broken, sound) = (book(&service, 1, "09:00").await, book(&service, 2, "14:00").await);
    let unknown = plant(&clinic, &broken, "ReservationTeleported").await;
    let waiting = plant(&clinic, &broken, "ReservationConfirmed").await;
    plant(&clinic, &sound, "ReservationConfirmed").await;
    let listed = wait_until("both views to park it", async || {
        let listed = parked(&clinic, &["list", "--json"]).await.json().unwrap();
        let waiting = |one: &Value| one["waiting"] == 1;
        let all = listed.as_array().unwrap();
        if all.len() == 2 && all.iter().all(waiting) { Ok(listed) } else { Err(listed.to_string()) }
    })
    .await;
    let first = &listed[0];
    assert_eq!((&first["held_up"], &first["kind"]), (&json!(broken), &json!("ReservationTeleported")));
    assert_eq!(first["position"], json!(unknown.to_string()), "{first}");
    let output = service.output();
    assert!(output.contains("is parked") && output.contains("ReservationTeleported"), "{output}");
    assert_reported_everywhere(&clinic, &service, unknown).await;

    let shown = parked(&clinic, &["show", &unknown.to_string(), "--json"]).await.json().unwrap();
    assert_eq!(shown["payload"]["reservation"], json!(broken), "{shown}");
    assert!(shown["parked"]["cause"].as_str().unwrap().contains("unknown to this release"), "{shown}");
    let again = parked(&clinic, &["retry", "--all", "--yes"]).await;
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(again.stderr.contains("unknown to this release"), "{}", again.stderr);

    let at = unknown.to_string();
    assert_eq!(
        parked(&clinic, &["discard", &at, "--reason", "a trial"]).await.code,
        Some(2),
        "nobody is asked"
    );
    assert_eq!(parked(&clinic, &["discard", &at, "--reason", " ", "--yes"]).await.code, Some(2));
    let only_waits = parked(&clinic, &["discard", &waiting.to_string(), "--reason", "x", "--yes"]).await;
    assert_eq!(only_waits.code, Some(1), "{}", only_waits.stderr);
    parked(&clinic, &["discard", &at, "--reason", "a trial", "--yes", "--json"]).await.json().unwrap();
    assert_eq!(parked(&clinic, &["list", "--json"]).await.json().unwrap(), json!([]));
    assert!(parked(&clinic, &["list"]).await.stdout.contains("Nothing is parked"));
    let database = clinic.connect().await.unwrap();
    let confirmed = "SELECT count(*) FROM legacy.reservations WHERE status = 'CONFIRMED'";
    assert_eq!(
        database.query_one(confirmed, &[]).await.unwrap().get::<_, i64>(0),
        2,
        "what waited is taken in"
    );
    clinic.run(&["projection", "rebuild", "all", "--yes", "--json"]).await.unwrap().json().unwrap();
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
    service.kill().await.unwrap();
    assert_booked_without_it(&clinic).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let backup = backup.to_str().unwrap();
    clinic.run(&["backup", backup, "--json"]).await.unwrap().json().unwrap();
    clinic.run(&["restore", backup, "--verify", "--json"]).await.unwrap().json().unwrap();
}

/// The day of the discarded event is booked again after a restart.
async fn assert_booked_without_it(clinic: &Installation) {
    let mut service = clinic.serve().await.unwrap();
    book(&service, 3, "16:00").await;
    service.kill().await.unwrap();
}

/// The status of the views, the metrics and a dry run report it; reads continue; a rebuild parks it too.
async fn assert_reported_everywhere(clinic: &Installation, service: &Service, unknown: i64) {
    let status = clinic.run(&["status", "--json"]).await.unwrap().json().unwrap();
    assert!(status["views"].as_array().unwrap().iter().all(|view| view["parked"] == 2), "{status}");
    let list = clinic.run(&["projection", "list"]).await.unwrap();
    assert!(list.stdout.contains("parked"), "{}", list.stdout);
    assert_eq!(text(service, "/readyz").await.0, 200);
    let metrics = service.metrics().await.unwrap();
    for model in ["legacy", "dynamic"] {
        assert!(metrics.contains(&format!("daybook_view_parked_events{{model=\"{model}\"}} 2")), "{metrics}");
    }
    let trial = clinic.run(&["projection", "rebuild", "--dry-run", "--json"]).await.unwrap();
    assert_eq!(trial.code, Some(1), "{}", trial.stderr);
    let found: Value = serde_json::from_str(&trial.stdout).unwrap();
    let failings = &found["failings"];
    assert_eq!((&failings["failing"], &failings["waiting"]), (&json!(1), &json!(1)), "{found}");
    let rebuilt = clinic.run(&["projection", "rebuild", "legacy", "--yes"]).await.unwrap();
    assert_eq!(rebuilt.code, Some(0), "the live view lacks it as well: {}", rebuilt.stderr);
    assert!(rebuilt.stdout.contains(&format!("Position {unknown}, ReservationTeleported")), "{rebuilt:?}");
}
