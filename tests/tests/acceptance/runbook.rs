//! The old team's runbook: its request, the import of its data, its SELECTs, and its closing checks.

mod checks;
mod external_server;
mod selects;

use daybook_tests::process::Installation;
use serde_json::json;

use crate::client::{EXPORT, EXPORT_ROWS, RESERVATIONS, client, send, wait_until, working_day};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_on_its_private_postgresql_accepts_the_request_of_the_runbook() {
    let clinic = Installation::private().await.unwrap();
    let mut service = clinic.serve().await.unwrap();
    let body = json!({
        "patient_name": "Test", "phone": "010-1234-5678", "birth_date": "1990-01-01", "gender": "FEMALE",
        "treatment_type": "FIRST_VISIT", "service": "WRINKLE_BOTOX", "preferred_date": working_day(0),
        "preferred_time": "10:00",
    });
    let booked = send(client().post(service.url(RESERVATIONS)).json(&body)).await.unwrap().ok();
    assert_eq!(booked.body["success"], true, "{}", booked.body);
    assert_eq!(booked.body["reservation"]["status"], "PENDING");
    // The private server also serves connections beside the running service.
    wait_until("both views to hold the booking", async || {
        let status = clinic.run(&["status", "--json"]).await.unwrap().json().unwrap();
        assert!(status["connect"].as_str().unwrap().starts_with("psql -h "), "{status}");
        assert_eq!(status["service"]["answers"], true, "{status}");
        assert_eq!(status["service"]["checks"]["log"]["ok"], true, "{status}");
        let views = status["views"].as_array().unwrap();
        let holds = |view: &serde_json::Value| view["counts"]["reservations"] == 1;
        if views.len() == 2 && views.iter().all(holds) { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    let status = clinic.run(&["status", "--json"]).await.unwrap().json().unwrap();
    let connect = status["connect_runbook"].as_str().unwrap();
    assert!(connect.contains("-U daybook_runbook "), "{connect}");
    let output = clinic.run(&["status"]).await.unwrap().stdout;
    assert!(output.contains(connect), "{output}");
    assert_eq!(paste(&format!("{connect} -Atc 'SELECT COUNT(service) FROM reservations'")).await, "1\n");
    service.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(service.wait_for_exit().await.unwrap().code(), Some(0));
}

/// Runs a pasted command line and returns its output.
async fn paste(line: &str) -> String {
    let programs = daybook_private_postgres::client_program("psql").unwrap();
    let path = format!("{}:{}", programs.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = tokio::process::Command::new("sh").args(["-c", line]).env("PATH", path).output();
    let output = output.await.unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_adds_every_row_to_both_views_and_a_second_one_appends_nothing() {
    let clinic = Installation::open().await.unwrap();
    let import = async || {
        let run = ["import", "run", "--csv", EXPORT, "--yes", "--json"];
        clinic.run(&run).await.unwrap().json().unwrap()
    };
    let first = import().await;
    assert_eq!((&first["read"], &first["imported"]), (&json!(EXPORT_ROWS), &json!(EXPORT_ROWS)), "{first}");
    let second = import().await;
    assert_eq!((&second["imported"], &second["already_there"]), (&json!(0), &json!(EXPORT_ROWS)), "{second}");
    for report in [&first, &second] {
        assert_eq!(report["rejected"], 0, "{report}");
        let views = report["views"].as_array().unwrap();
        assert_eq!(views.len(), 2);
        assert!(views.iter().all(|view| view["reservations"] == EXPORT_ROWS), "{report}");
    }
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analysis_and_a_dry_run_need_no_log_and_create_none() {
    let clinic = Installation::private().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (page, rules) = (folder.path().join("report.html"), folder.path().join("times.toml"));
    std::fs::write(&rules, "[[rule]]\nname = \"idle\"\ntext = \"점심때\"\nmeans = \"12:30\"\n").unwrap();
    let (page, rules) = (page.to_str().unwrap(), rules.to_str().unwrap());
    let line = ["import", "analyze", "--csv", EXPORT, "--rules", rules, "--html", page, "--json"];
    let analysis = clinic.run(&line).await.unwrap().json().unwrap();
    assert_eq!((&analysis["rows"], &analysis["run"]["imported"]), (&json!(EXPORT_ROWS), &json!(EXPORT_ROWS)));
    assert_eq!((&analysis["rules"][0]["name"], &analysis["rules"][0]["rows"]), (&json!("idle"), &json!(0)));
    assert!(std::fs::read_to_string(page).unwrap().contains("Rules without effect: idle."));
    let again = clinic.run(&line).await.unwrap();
    assert_eq!(again.code, Some(2), "an existing report must not be overwritten");
    let run = ["import", "run", "--dry-run", "--csv", EXPORT, "--rules", rules, "--json"];
    let report = clinic.run(&run).await.unwrap().json().unwrap();
    assert_eq!((&report["dry_run"], &report["imported"]), (&json!(true), &json!(EXPORT_ROWS)), "{report}");
    let status = clinic.run(&["status"]).await.unwrap();
    assert_eq!(status.code, Some(2), "there is no clinic's book yet");
}
