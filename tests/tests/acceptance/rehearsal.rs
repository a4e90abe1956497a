//! The rehearsal of the migration beside a running service: all stages and rollbacks on a copy, which is dropped
//! afterwards.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use daybook_tests::process::{CommandOutput, Installation, LogKind};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::client::{
    EXPORT, EXPORT_ROWS, RESERVATIONS, client, form, send, wait_until, wait_within, working_day,
};
use crate::tables;

const STAGES: [&str; 7] = ["legacy", "shadow", "canary-5", "canary-25", "canary-50", "dynamic", "retired"];

/// The time limit for a copy, its restore and a rebuild on a machine that is busy with other tests.
const COPYING_PATIENCE: Duration = Duration::from_secs(90);

const REHEARSE: [&str; 7] = ["migrate", "rehearse", "--traffic", "30", "--readers", "3", "--json"];

async fn run_json(clinic: &Installation, arguments: &[&str]) -> Value {
    clinic.run(arguments).await.unwrap().json().unwrap()
}

async fn import(clinic: &Installation) {
    run_json(clinic, &["import", "run", "--csv", EXPORT, "--yes", "--json"]).await;
}

/// Number of scratch databases of rehearsals.
async fn scratch_databases(database: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_database WHERE datname = 'daybook_rehearsal_' ||
               (SELECT oid FROM pg_database WHERE datname = current_database())";
    database.query_one(sql, &[]).await.unwrap().get(0)
}

/// All bytes of the log, the keys and both views, by schema.
async fn contents(database: &Client) -> Vec<(String, Vec<String>, Vec<u8>)> {
    let sql = "SELECT nspname::text FROM pg_namespace
               WHERE nspname ~ '^((legacy|dynamic)_[0-9]+|event_log|privacy)$' ORDER BY 1";
    let mut all = vec![];
    for schema in database.query(sql, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)) {
        let (tables, bytes) = tables::bytes_of(database, &[&schema]).await;
        all.push((schema, tables, bytes));
    }
    all
}

/// Checks that the log, the keys and both views are unchanged, byte for byte.
async fn assert_unchanged(database: &Client, before: &[(String, Vec<String>, Vec<u8>)]) {
    let after = contents(database).await;
    let names =
        |all: &[(String, Vec<String>, Vec<u8>)]| all.iter().map(|one| one.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&after), names(before));
    for (before, after) in before.iter().zip(&after) {
        assert!(before == after, "{} has changed", before.0);
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Checks that every request was answered correctly. Returns the number of answers per model.
#[track_caller]
fn answers_by_model(traffic: &Value) -> [u64; 2] {
    for fault in ["failed", "missing", "mismatched", "apart"] {
        assert_eq!(traffic[fault], 0, "{fault}: {traffic}");
    }
    ["by_legacy", "by_dynamic"].map(|model| number(&traffic[model]))
}

/// Checks that each view holds the expected reservations and that both agree.
#[track_caller]
fn assert_complete(held: &Value, views: usize) -> u64 {
    let expected = number(&held["expected"]);
    let all = held["views"].as_array().unwrap();
    assert_eq!(all.len(), views, "{held}");
    assert!(all.iter().all(|view| view["reservations"] == expected), "{held}");
    assert_eq!(all.iter().map(|view| view["digest"].as_str().unwrap()).collect::<BTreeSet<_>>().len(), 1);
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_of_all_stages_leaves_the_live_log_and_views_unchanged() {
    let clinic = Installation::open().await.unwrap();
    import(&clinic).await;
    let service = clinic.serve().await.unwrap();
    let mut booked = BTreeSet::new();
    for patient in 0..3 {
        let form = form(patient, "SKIN_CARE", working_day(patient), "10:30");
        booked.insert(
            send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok().id().to_owned(),
        );
    }
    let database = clinic.connect().await.unwrap();
    tables::wait_for(&database, &booked).await;
    let before = contents(&database).await;

    let report = run_json(&clinic, &REHEARSE).await;
    assert_eq!((&report["passed"], &report["stopped"]), (&json!(true), &Value::Null), "{report}");
    assert_eq!(number(&report["reservations"]), (EXPORT_ROWS + booked.len()) as u64);
    let stages = report["stages"].as_array().unwrap();
    assert_eq!(stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect::<Vec<_>>(), STAGES);
    let mut expected = number(&report["reservations"]);
    for stage in stages {
        let name = stage["stage"].as_str().unwrap();
        let [by_legacy, by_dynamic] = answers_by_model(&stage["traffic"]);
        assert!(by_legacy + by_dynamic >= 30, "{stage}");
        match name {
            "legacy" | "shadow" => assert_eq!(by_dynamic, 0, "{stage}"),
            "dynamic" | "retired" => assert_eq!(by_legacy, 0, "{stage}"),
            // With so few patients, a small percentage may select none.
            "canary-50" => assert!(by_legacy > 0 && by_dynamic > 0, "{stage}"),
            _ => {}
        }
        assert_eq!(stage["traffic"]["compared"] == 0, name == "retired", "{stage}");
        let held = assert_complete(&stage["held"], if name == "retired" { 1 } else { 2 });
        assert_eq!(held, expected + number(&stage["traffic"]["booked"]), "{stage}");
        expected = held;
        let back = &stage["back"];
        if name == "legacy" {
            assert_eq!(back, &Value::Null);
            continue;
        }
        assert_eq!(back["lost"], 0, "{back}");
        answers_by_model(&back["traffic"]);
        assert!(back["in_force_seconds"].as_f64().unwrap() < 10.0, "{back}");
        assert_eq!(back["restored_seconds"].is_number(), name == "retired", "{back}");
        assert!(
            number(&back["shown_in_part"]["time_under_review"]) > 0,
            "the export must contain such rows: {back}"
        );
        expected = assert_complete(&back["held"], 2);
    }
    assert_eq!(expected, number(&report["reservations"]) + number(&report["booked"]));
    assert!(number(&report["booked"]) > 0, "{report}");
    let unmet = stages[1]["shut"].as_array().unwrap();
    assert!(unmet.contains(&json!("backup")), "gates must be measured and reported: {unmet:?}");
    assert!(stages.iter().all(|stage| !stage["shut"].as_array().unwrap().contains(&json!("soak"))));

    assert_eq!(scratch_databases(&database).await, 0);
    assert_unchanged(&database, &before).await;
    assert_eq!(run_json(&clinic, &["migrate", "status", "--json"]).await["stage"], "legacy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_or_stopped_rehearsal_is_cleaned_up_by_the_next_one() {
    let clinic = Installation::open().await.unwrap();
    import(&clinic).await;
    let database = clinic.connect().await.unwrap();
    let before = contents(&database).await;
    let endless = ["migrate", "rehearse", "--traffic", "1000000"];
    for (signal, left) in [(Signal::SIGKILL, 1), (Signal::SIGTERM, 0)] {
        let mut command = clinic.command(&endless, &[]).await.unwrap();
        let rehearsal = command.stdout(Stdio::null()).spawn().unwrap();
        wait_within(COPYING_PATIENCE, "reads to reach the scratch database", async || {
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'daybook_rehearsal_' ||
                       (SELECT oid FROM pg_database WHERE datname = current_database())
                       AND query LIKE '%reservations%'";
            let reading: i64 = database.query_one(sql, &[]).await.unwrap().get(0);
            if reading > 0 { Ok(()) } else { Err("none yet".to_owned()) }
        })
        .await;
        let second = clinic.run(&REHEARSE).await.unwrap();
        assert!(second.code == Some(1) && second.stderr.contains("is running"), "{second:?}");
        kill(Pid::from_raw(rehearsal.id().unwrap().try_into().unwrap()), signal).unwrap();
        let output = rehearsal.wait_with_output().await.unwrap();
        assert_eq!(scratch_databases(&database).await, left, "{signal}: {output:?}");
        wait_until("the lock of the ended rehearsal to be released", async || {
            let sql = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = pg_locks.database
                       WHERE locktype = 'advisory' AND datname = current_database()";
            let held: i64 = database.query_one(sql, &[]).await.unwrap().get(0);
            if held == 0 { Ok(()) } else { Err(format!("{held} locks")) }
        })
        .await;
    }
    let mut command = clinic.command(&endless, &[]).await.unwrap();
    let mut killed = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("a second scratch database", async || {
        if scratch_databases(&database).await == 1 { Ok(()) } else { Err("none yet".to_owned()) }
    })
    .await;
    killed.kill().await.unwrap();

    assert_eq!(run_json(&clinic, &REHEARSE).await["passed"], true);
    assert_eq!(scratch_databases(&database).await, 0);
    assert_unchanged(&database, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_store_db_log_is_rehearsed_on_a_copy_in_the_database() {
    let clinic = Installation::open_on(LogKind::EventStoreDb).await.unwrap();
    import(&clinic).await;
    let tail = ["events", "tail", "--json"];
    let before = clinic.run(&tail).await.unwrap().stdout;
    let CommandOutput { code, stdout, stderr } = clinic.run(&REHEARSE[..6]).await.unwrap();
    assert_eq!(code, Some(0), "{stdout} {stderr}");
    for part in ["The rehearsal passed", "back to legacy from", "Unmet gates before shadow"] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    assert_eq!(clinic.run(&tail).await.unwrap().stdout, before);
    assert_eq!(scratch_databases(&clinic.connect().await.unwrap()).await, 0);
}
