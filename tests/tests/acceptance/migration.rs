//! The migration by command on a running service: refused by named gates, advanced with a recorded override, completed,
//! and rolled back.

use std::collections::BTreeSet;
use std::process::Stdio;

use daybook_tests::process::{CommandOutput, Installation, Service};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::client::{RESERVATIONS, Response, client, form, get, send, wait_until, working_day};
use crate::tables;

/// Soak times that are short enough for a test.
const SECONDS: (&str, &str) =
    ("DAYBOOK_SOAK", "shadow=1s,canary-5=1s,canary-25=1s,canary-50=1s,dynamic=1s,stability=1s");

/// Overrides gates that cannot be met in a test, such as the backup.
const OVERRIDE: [&str; 6] = ["--override", "a drill", "--approver", "lee", "--yes", "--json"];

async fn migrate(clinic: &Installation, arguments: &[&str]) -> CommandOutput {
    let line: Vec<&str> = ["migrate"].iter().chain(arguments).copied().collect();
    clinic.run_with(&line, &[SECONDS]).await.unwrap()
}

async fn run_json(clinic: &Installation, arguments: &[&str]) -> Value {
    migrate(clinic, arguments).await.json().unwrap()
}

async fn enter(clinic: &Installation, stage: &str) -> Value {
    let line: Vec<&str> = ["advance", "--to", stage].iter().chain(&OVERRIDE).copied().collect();
    let entered = run_json(clinic, &line).await;
    assert_eq!((&entered["stage"], &entered["entered"]), (&json!(stage), &json!(true)), "{entered}");
    entered
}

/// Tries to enter a stage without an override. Returns the unmet gates, as both outputs name them.
async fn refused(clinic: &Installation, stage: &str, settings: &[(&str, &str)]) -> Vec<String> {
    let line = ["migrate", "advance", "--to", stage, "--yes", "--json"];
    let CommandOutput { code, stdout, stderr } = clinic.run_with(&line, settings).await.unwrap();
    assert_eq!(code, Some(1), "{stderr}");
    let outcome: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(outcome["entered"], false, "{outcome}");
    let next = &outcome["next"];
    let measured = next["gates"].as_array().unwrap().iter().filter(|result| result["finding"] != "met");
    let names = measured.map(|result| &result["gate"]).chain(next["unmeasured"].as_array().unwrap());
    let unmet: Vec<String> = names.map(|name| name.as_str().unwrap().to_owned()).collect();
    assert!(unmet.iter().all(|gate| stderr.contains(gate)), "{unmet:?}: {stderr}");
    unmet
}

/// Books for these patients. The treatment takes 40 minutes, and a morning has enough seats for all of them.
async fn book(service: &Service, patients: std::ops::Range<usize>) -> Vec<Response> {
    let mut booked = vec![];
    for patient in patients {
        let form = form(patient, "WRINKLE_BOTOX", working_day(patient), "09:00");
        booked.push(send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok());
    }
    booked
}

/// The payload and the actor of the last event of a type in the routing stream.
async fn last_event(database: &Client, kind: &str) -> (Value, String) {
    let sql = "SELECT payload::text, metadata->>'actor' FROM event_log.events
               WHERE stream = 'routing-main' AND kind = $1 ORDER BY position DESC LIMIT 1";
    let row = database.query_one(sql, &[&kind]).await.unwrap();
    (serde_json::from_str(row.get(0)).unwrap(), row.get(1))
}

async fn has_legacy_tables(database: &Client) -> bool {
    let sql = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^legacy_[0-9]+$'";
    database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0
}

/// Waits until this model answers a client without a name.
async fn answered_by(service: &Service, model: &str) {
    wait_until(&format!("{model} to answer reads"), async || {
        let response = get(&client(), service, "/api/public/services").await.unwrap();
        if response.model == model { Ok(()) } else { Err(response.model) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_out_of_order_or_with_unmet_gates_is_refused_and_an_override_is_recorded() {
    let clinic = Installation::open().await.unwrap();
    let database = clinic.connect().await.unwrap();
    let _service = clinic.serve().await.unwrap();
    let out_of_order =
        migrate(&clinic, &["advance", "--to", "canary-5", "--override", "hurry", "--yes"]).await;
    assert_eq!(out_of_order.code, Some(1));
    assert!(out_of_order.stderr.contains("canary-5 cannot be entered now"), "{}", out_of_order.stderr);

    let unmet = refused(&clinic, "shadow", &[SECONDS]).await;
    for gate in ["parity", "backup", "contacts"] {
        assert!(unmet.iter().any(|name| name == gate), "{gate}: {unmet:?}");
    }
    let without_reason = migrate(&clinic, &["advance", "--override", " ", "--yes"]).await;
    assert_eq!(without_reason.code, Some(2), "{}", without_reason.stderr);
    let unattended = migrate(&clinic, &["advance", "--override", "a drill"]).await;
    assert_eq!(unattended.code, Some(2), "{}", unattended.stderr);
    assert_eq!(
        run_json(&clinic, &["status", "--json"]).await["stage"],
        "legacy",
        "nothing must be recorded so far"
    );

    enter(&clinic, "shadow").await;
    let (event, actor) = last_event(&database, "StageEntered").await;
    assert_eq!(event["overridden"], json!({"reason": "a drill", "approver": "lee"}), "{event}");
    assert!(actor.starts_with("cli:") && event["position"]["commit"].is_number(), "{actor} {event}");
    let shown = run_json(&clinic, &["status", "--history", "--json"]).await;
    let overridden: BTreeSet<&str> =
        shown["history"][0]["shut"].as_array().unwrap().iter().map(|gate| gate.as_str().unwrap()).collect();
    assert!(overridden.is_superset(&BTreeSet::from(["parity", "backup", "contacts"])), "{shown}");

    // The default soak time of one hour has not passed; the one second of a drill has.
    assert!(refused(&clinic, "canary-5", &[]).await.iter().any(|gate| gate == "soak"));
    wait_until("the soak time of a drill to pass", async || {
        let unmet = refused(&clinic, "canary-5", &[SECONDS]).await;
        if unmet.iter().any(|gate| gate == "soak") { Err(format!("{unmet:?}")) } else { Ok(()) }
    })
    .await;
    enter(&clinic, "canary-5").await;
    let (event, _) = last_event(&database, "StageEntered").await;
    let soak = event["gates"].as_array().unwrap().iter().find(|result| result["gate"] == "soak").unwrap();
    assert_eq!(soak["finding"], "met");
    assert!(soak["asked"].as_str().unwrap().contains("1s"), "the requirement must be recorded: {soak}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_stages_and_the_rollback_lose_no_booking_and_a_killed_cleanup_is_completed() {
    let clinic = Installation::open().await.unwrap();
    let database = clinic.connect().await.unwrap();
    let service = clinic.serve().await.unwrap();
    let mut booked = book(&service, 0..3).await;
    for stage in ["shadow", "canary-5", "canary-25", "canary-50", "dynamic"] {
        let plan = run_json(&clinic, &["plan", "--json"]).await;
        assert_eq!((&plan["to"], &plan["people"]["known"]), (&json!(stage), &json!(booked.len())), "{plan}");
        enter(&clinic, stage).await;
        let next = booked.len();
        booked.extend(book(&service, next..next + 1).await);
        let ids: BTreeSet<String> = booked.iter().map(|response| response.id().to_owned()).collect();
        tables::assert_hold_exactly(&database, &ids).await;
    }
    answered_by(&service, "dynamic").await;

    kill_a_cleanup(&clinic, &database).await;
    assert!(has_legacy_tables(&database).await);
    assert_eq!(run_json(&clinic, &["status", "--json"]).await["stage"], "retired");
    let completed = run_json(&clinic, &["advance", "--yes", "--json"]).await;
    assert!(completed["retirement"]["dropped_at"].is_string(), "{completed}");
    assert!(!has_legacy_tables(&database).await);
    let (event, _) = last_event(&database, "StageEntered").await;
    let seen = (&event["stage"], &event["overridden"]["reason"]);
    assert_eq!(seen, (&json!("retired"), &json!("a drill")), "{event}");
    booked.extend(book(&service, 8..9).await);

    let back = ["rollback", "--to", "canary-25", "--reason", "a drill", "--yes", "--json"];
    let back = run_json(&clinic, &back).await;
    assert_eq!(
        (&back["from"], &back["restored"]["proof"]),
        (&json!("retired"), &json!("other_view")),
        "{back}"
    );
    assert!(back["in_force_seconds"].as_f64().unwrap() < 1.0, "{back}");
    let status = run_json(&clinic, &["status", "--history", "--json"]).await;
    assert_eq!((&status["stage"], &status["dynamic_percent"]), (&json!("canary-25"), &json!(25.0)));
    let ids: BTreeSet<String> = booked.iter().map(|response| response.id().to_owned()).collect();
    tables::assert_hold_exactly(&database, &ids).await;

    run_json(&clinic, &["rollback", "--reason", "errors", "--yes", "--json"]).await;
    answered_by(&service, "legacy").await;
    let output = migrate(&clinic, &["status", "--history"]).await;
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    for part in ["Stage legacy", "ROLLED BACK", "errors", "legacy view restored", "advanced past"] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
}

/// Starts a cleanup and kills it after the log records the retirement, but before the tables are dropped: it waits two
/// seconds in between until every process has followed.
async fn kill_a_cleanup(clinic: &Installation, database: &Client) {
    let line: Vec<&str> =
        ["migrate", "advance", "--to", "retired"].iter().chain(&OVERRIDE).copied().collect();
    let mut command = clinic.command(&line, &[SECONDS]).await.unwrap();
    let mut cleanup = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the retirement to be recorded", async || {
        let sql = "SELECT count(*) FROM event_log.events WHERE kind = 'ViewRetired'";
        let recorded: i64 = database.query_one(sql, &[]).await.unwrap().get(0);
        if recorded == 1 { Ok(()) } else { Err(format!("{recorded} events")) }
    })
    .await;
    cleanup.kill().await.unwrap();
}
