//! A table of a view that nobody reads is taken away: both processes go on, every command says which view cannot be written,
//! and nothing is lost.

use std::time::Duration;

use daybook_tests::process::{Installation, Service};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{RESERVATIONS, client, form, get, send, wait_until, wait_within, working_day};

/// How soon a view that cannot be written has to be named.
const SOON: Duration = Duration::from_secs(2);

const STAFF_RESERVATIONS: &str = "/api/reservations";

const STARTS: [&str; 6] = ["09:00", "10:00", "11:00", "14:00", "15:00", "16:00"];

async fn book(service: &Service, patient: usize) -> String {
    let day = working_day(4 + patient / STARTS.len());
    let form = form(patient, "OTHER_CONSULTATION", day, STARTS[patient % STARTS.len()]);
    send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok().id().to_owned()
}

/// Books in one process; the desk sees the booking in each of them within the time limit.
async fn book_and_see(services: [&Service; 2], token: &str, patient: usize) {
    let begun = Instant::now();
    let id = book(services[0], patient).await;
    for service in services {
        wait_within(SOON, "the desk to see the booking", async || {
            let path = service.url(&format!("{STAFF_RESERVATIONS}/{id}"));
            let seen = send(client().get(path).bearer_auth(token)).await.unwrap();
            if seen.status == 200 { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

async fn run(clinic: &Installation, arguments: &[&str]) -> Value {
    clinic.run(arguments).await.unwrap().json().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_unread_view_stops_no_process_and_is_named_by_all() {
    let clinic = Installation::open().await.unwrap();
    let (first, mut second) = (clinic.serve().await.unwrap(), clinic.serve().await.unwrap());
    let token = clinic.run(&["token", "--role", "ADMIN", "--subject", "desk"]).await.unwrap();
    let token = token.stdout.trim();
    book_and_see([&first, &second], token, 0).await;
    let database = clinic.connect().await.unwrap();
    database.batch_execute("ALTER TABLE dynamic_1.day_digests RENAME TO away").await.unwrap();
    book_and_see([&first, &second], token, 1).await;
    book_and_see([&second, &first], token, 2).await;
    tokio::time::sleep(SOON).await;
    for service in [&first, &second] {
        let ready = get(&client(), service, "/readyz").await.unwrap();
        assert_eq!(ready.status, 200, "{ready:?}");
        let failing = &ready.body["checks"]["dynamic"]["writeFailure"];
        assert_eq!((&failing["sqlstate"], &failing["servesReads"]), (&json!("42P01"), &json!(false)));
    }
    assert_named_by_commands(&clinic).await;

    // Another process starts with it, and no process has to be the leader again.
    second.kill().await.unwrap();
    let second = clinic.serve().await.unwrap();
    book_and_see([&second, &first], token, 3).await;
    assert_eq!(get(&client(), &second, "/readyz").await.unwrap().status, 200);
    database.batch_execute("ALTER TABLE dynamic_1.away RENAME TO day_digests").await.unwrap();
    assert_equal(&clinic).await;

    // A start takes a view without its reservations for one that was dropped, and builds it.
    database.batch_execute("ALTER TABLE dynamic_1.reservations RENAME TO r2").await.unwrap();
    book_and_see([&first, &second], token, 4).await;
    let third = clinic.serve().await.unwrap();
    book_and_see([&third, &first], token, 5).await;
    assert_equal(&clinic).await;
}

async fn assert_named_by_commands(clinic: &Installation) {
    let status = run(clinic, &["status", "--json"]).await;
    let dynamic = status["views"].as_array().unwrap().iter().find(|view| view["generation"] == "dynamic_1");
    assert_eq!(dynamic.unwrap()["write_failure"]["sqlstate"], "42P01", "{status}");
    let text = clinic.run(&["status"]).await.unwrap().stdout;
    let cause = r#"relation "dynamic_1.day_digests" does not exist (SQLSTATE 42P01)"#;
    let unwrapped = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unwrapped.contains(cause) && unwrapped.contains("daybook projection rebuild dynamic"), "{text}");
    let listed = clinic.run(&["projection", "list"]).await.unwrap();
    assert!(listed.stdout.contains("cannot be written"), "{listed:?}");
    let compared = clinic.run(&["projection", "verify"]).await.unwrap();
    assert_eq!(compared.code, Some(1), "{compared:?}");
    assert!(compared.stderr.contains("dynamic_1 cannot be written"), "{compared:?}");
    let advanced = clinic.run(&["migrate", "advance", "--to", "shadow", "--yes", "--json"]).await.unwrap();
    assert_eq!(advanced.code, Some(1), "{advanced:?}");
    assert!(advanced.stdout.contains("dynamic_1 cannot be written"), "{advanced:?}");
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    run(clinic, &["backup", backup.to_str().unwrap(), "--json"]).await;
    run(clinic, &["restore", backup.to_str().unwrap(), "--verify", "--json"]).await;
}

/// Both views hold all bookings, and so does a comparison of all fields.
async fn assert_equal(clinic: &Installation) {
    wait_until("both views to be equal", async || {
        let compared = clinic.run(&["projection", "verify", "--json"]).await.unwrap();
        if compared.code == Some(0) { Ok(()) } else { Err(compared.stderr) }
    })
    .await;
    let parked = run(clinic, &["projection", "parked", "list", "--json"]).await;
    assert_eq!(parked, json!([]));
}
