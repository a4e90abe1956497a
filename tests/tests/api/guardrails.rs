//! Guardrails roll reads back to the legacy view when the dynamic view exceeds a limit, and in no other case.
//!
//! The tests cause failures in the database only. The application is the real one.

use std::io::Cursor;
use std::time::Duration;

use daybook_api::{Role, Watching};
use daybook_domain::routing::{Limits, RolloutPercentage};
use daybook_event_log::{RecordedEvent, Revision, StreamName};
use daybook_migration::import::ImportRun;
use daybook_migration::import::Source;
use daybook_tests::app::App;
use daybook_tests::clinic::{Clinic, PATIENCE};
use futures_util::{StreamExt, TryStreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{book, form, get, send, send_json, set_share, staff_request};

const GUARDRAILS: &str = "/api/admin/guardrails";

/// Length of a window.
const WINDOW: Duration = Duration::from_millis(500);

/// Clients in one round of requests. At 25 %, about 25 of them read the dynamic view.
const CLIENTS: usize = 100;

/// The dynamic view must have answered this many requests. One round is enough.
const MIN_REQUESTS: u64 = 12;

/// Concurrent reads.
const CONCURRENT: usize = 8;

/// Only the latency test uses the short limit: elsewhere the machine may be busy.
const LATENCY_MS: f64 = 250.0;
const PATIENT_MS: f64 = 30_000.0;

fn watching(sample: f64, latency_ms: f64) -> Watching {
    let limits = Limits { latency_ms, min_requests: MIN_REQUESTS, ..Limits::default() };
    Watching { sample: RolloutPercentage::from_percent(sample).unwrap(), window: WINDOW, limits }
}

async fn guarded_app(sample: f64) -> App {
    App::with_guardrails(Clinic::open().await.unwrap(), watching(sample, PATIENT_MS)).await.unwrap()
}

/// Sends one request per client, all at once. Returns the number of 5xx responses.
async fn round(app: &App) -> usize {
    let request = |n: usize| async move {
        let request = app.get("/api/public/services").header("Daybook-Client", format!("client-{n}"));
        usize::from(request.send().await.unwrap().status().is_server_error())
    };
    futures_util::stream::iter((0..CLIENTS).map(request))
        .buffer_unordered(CLIENTS)
        .fold(0, |failed, one| async move { failed + one })
        .await
}

/// Sends requests until reads are rolled back. Fails if that takes too long.
async fn rolled_back(app: &App) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while get(app, "/api/admin/read-model").await.ok().json["rolledBack"] != true {
        assert!(tokio::time::Instant::now() < deadline, "{}", get(app, GUARDRAILS).await.json);
        round(app).await;
    }
}

async fn routing_events(app: &App) -> Vec<RecordedEvent> {
    let events = app.clinic.log.read_stream(&StreamName::routing(), Revision::FIRST).await.unwrap();
    events.try_collect().await.unwrap()
}

/// The payload of the one event of a tripped guardrail.
async fn tripped(app: &App) -> Value {
    let events = routing_events(app).await;
    let of_type = |kind: &str| events.iter().filter(|event| &*event.event_type == kind).collect::<Vec<_>>();
    let (trips, rollbacks) = (of_type("GuardrailTripped"), of_type("ReadsRolledBack"));
    assert_eq!((trips.len(), rollbacks.len()), (1, 1));
    let metadata: Value = serde_json::from_slice(&trips[0].metadata).unwrap();
    assert_eq!(metadata["actor"], "guardrail");
    serde_json::from_slice(&trips[0].payload).unwrap()
}

/// Waits until this many more windows are stored.
async fn windows_pass(app: &App, number: i64) {
    let client = app.clinic.database.connect().await.unwrap();
    let count = async || -> i64 {
        client.query_one("SELECT count(*) FROM control.read_windows", &[]).await.unwrap().get(0)
    };
    // Each window has two rows, one per model.
    let enough = count().await + number * 2;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while count().await < enough {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_dynamic_view_roll_reads_back() {
    let app = guarded_app(0.0).await;
    set_share(&app, 25.0).await;
    assert_eq!(round(&app).await, 0);
    let client = app.clinic.database.connect().await.unwrap();
    client.batch_execute("ALTER TABLE dynamic_1.services RENAME TO away").await.unwrap();
    rolled_back(&app).await;
    let tripped = tripped(&app).await;
    assert_eq!(
        (&tripped["guardrail"], &tripped["model"]),
        (&json!("errors"), &json!("dynamic")),
        "{tripped}"
    );
    assert_eq!(tripped["window_seconds"], 1);
    assert_eq!(round(&app).await, 0, "the legacy view answers all requests");
    // One window above the limit is enough. Another may end before the rollback is in force, and requests in flight count in
    // the window after that.
    let sql = "SELECT count(*) FROM control.read_windows WHERE failed * 100 > requests AND requests >= $1";
    let failing: i64 = client.query_one(sql, &[&(MIN_REQUESTS as i64)]).await.unwrap().get(0);
    assert!((1..=3).contains(&failing), "{failing} windows were needed");
    let metrics = app.metrics().await.unwrap();
    assert!(metrics.contains(r#"daybook_guardrail_trips_total{guardrail="errors"} 1"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_of_the_dynamic_view_rolls_reads_back() {
    let app = App::with_guardrails(Clinic::open().await.unwrap(), watching(0.0, LATENCY_MS)).await.unwrap();
    set_share(&app, 25.0).await;
    let mut client = app.clinic.database.connect().await.unwrap();
    let slow = async {
        loop {
            // Readers wait for the lock.
            let locked = client.transaction().await.unwrap();
            locked.batch_execute("LOCK dynamic_1.services IN ACCESS EXCLUSIVE MODE").await.unwrap();
            locked.query_one("SELECT pg_sleep(0.6)", &[]).await.unwrap();
            locked.commit().await.unwrap();
        }
    };
    tokio::select! {
        () = slow => {}
        () = rolled_back(&app) => {}
    }
    let tripped = tripped(&app).await;
    assert_eq!(
        (&tripped["guardrail"], &tripped["limit"]),
        (&json!("latency"), &json!("250 ms")),
        "{tripped}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamic_view_that_computes_too_much_rolls_reads_back() {
    let app = App::with_guardrails(Clinic::open().await.unwrap(), watching(0.0, LATENCY_MS)).await.unwrap();
    set_share(&app, 25.0).await;
    let client = app.clinic.database.connect().await.unwrap();
    let busy = "ALTER TABLE dynamic_1.services RENAME TO away;
        CREATE VIEW dynamic_1.services AS SELECT away.* FROM dynamic_1.away
            WHERE (SELECT count(*) FROM generate_series(1, 2000000)) > 0";
    client.batch_execute(busy).await.unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while get(&app, "/api/admin/read-model").await.ok().json["rolledBack"] != true {
        assert!(tokio::time::Instant::now() < deadline, "{}", get(&app, GUARDRAILS).await.json);
        let read =
            |n: usize| app.get("/api/public/services").header("Daybook-Client", format!("client-{n}")).send();
        // Few at a time, as in a usual load.
        futures_util::stream::iter((0..CLIENTS).map(read))
            .buffer_unordered(4)
            .try_collect::<Vec<_>>()
            .await
            .unwrap();
    }
    assert_eq!(tripped(&app).await["guardrail"], "latency");
}

/// Rows of the import.
const ROWS: usize = 10_000;

/// Rows per day, all on one page of the list.
const ROWS_OF_A_DAY: usize = 100;

fn export() -> Cursor<Vec<u8>> {
    let mut text = String::from(
        "id,patientName,phone,email,birthDate,gender,treatmentType,preferredDate,preferredTime,status,notes,adminNotes,\
         createdAt,updatedAt,service,statusChangedAt,statusChangedBy\n",
    );
    for row in 0..ROWS {
        let (day, time) = (day(row / ROWS_OF_A_DAY), ["09:00", "오전 10시", "오후", "전화 주세요"][row % 4]);
        text.push_str(&format!(
            "old-{row},홍길순,010-2000-{row:04},,1963-04-30 00:00:00,FEMALE,FOLLOW_UP,{day},{time},PENDING,,,\
             2025-03-04 02:15:00.000,2025-03-06 06:45:00.000,SKIN_CARE,2025-03-05 06:45:00.000,\n"
        ));
    }
    Cursor::new(text.into_bytes())
}

fn day(number: usize) -> chrono::NaiveDate {
    let first: chrono::NaiveDate = "2025-04-01".parse().unwrap();
    first + chrono::Days::new(number as u64)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_row_in_ten_thousand_rolls_reads_back_once_it_is_read() {
    let app = guarded_app(100.0).await;
    let report =
        ImportRun::default().run(&app.clinic.commands, Source::csv(export()), &|_| {}).await.unwrap();
    assert_eq!(report.read as usize, ROWS);
    app.clinic.wait_for_views().await.unwrap();
    set_share(&app, 25.0).await;
    let read_all = async || {
        let read = |number: usize| {
            let path = format!("/api/reservations?limit={ROWS_OF_A_DAY}&date={}", day(number));
            let request = staff_request(&app, Role::Editor, Method::GET, &path);
            async move { assert_eq!(send(request).await.ok().json["pagination"]["total"], ROWS_OF_A_DAY) }
        };
        let reads = futures_util::stream::iter((0..ROWS / ROWS_OF_A_DAY).map(read));
        reads.buffer_unordered(CONCURRENT).collect::<()>().await;
    };
    read_all().await;
    windows_pass(&app, 2).await;
    let before = get(&app, GUARDRAILS).await.ok().json;
    assert!(
        before["lastWindows"]["legacy"]["mismatched"] == 0 && before["judgement"] != "tripped",
        "{before}"
    );

    let client = app.clinic.database.connect().await.unwrap();
    let planted = r#"UPDATE dynamic_1.reservations SET status = 'CONFIRMED', "patientName" = '홍길동' WHERE id = 'old-7777'"#;
    assert_eq!(client.execute(planted, &[]).await.unwrap(), 1);
    read_all().await;
    rolled_back(&app).await;
    assert_eq!(tripped(&app).await["guardrail"], "mismatches");
    let sql =
        "SELECT reservation, field, legacy, dynamic, route FROM control.shadow_differences ORDER BY field";
    let rows = client.query(sql, &[]).await.unwrap();
    let found: Vec<[String; 5]> =
        rows.iter().map(|row| std::array::from_fn(|column| row.get::<_, String>(column))).collect();
    let route = "/api/reservations";
    assert_eq!(
        found,
        [
            ["old-7777", "patient_name", "(not shown)", "(not shown)", route],
            ["old-7777", "status", "PENDING", "CONFIRMED", route],
        ]
        .map(|row| row.map(str::to_owned))
    );
    let metrics = app.metrics().await.unwrap();
    assert!(metrics.contains(r#"daybook_shadow_compared_total{result="different"} 1"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_is_inconclusive_without_traffic_and_fine_with_good_traffic() {
    let app = guarded_app(100.0).await;
    assert_eq!(send(app.get(GUARDRAILS)).await.status, 401);
    // A window is stored before it is evaluated. The second one shows that the first was evaluated.
    windows_pass(&app, 2).await;
    assert_eq!(get(&app, GUARDRAILS).await.ok().json["judgement"], "idle");
    set_share(&app, 50.0).await;
    windows_pass(&app, 3).await;
    let held = get(&app, GUARDRAILS).await.ok().json;
    assert_eq!(held["judgement"], "inconclusive", "{held}");
    assert!(held["why"].as_str().unwrap().contains("at least 12 are required"), "{held}");
    round(&app).await;
    windows_pass(&app, 2).await;
    let fine = get(&app, GUARDRAILS).await.ok().json;
    assert_eq!(fine["judgement"], "fine", "{fine}");
    let windows = &fine["lastWindows"];
    let (legacy, dynamic) = (&windows["legacy"], &windows["dynamic"]);
    assert_eq!(legacy["requests"].as_u64().unwrap() + dynamic["requests"].as_u64().unwrap(), CLIENTS as u64);
    // Subjects are counted with bits, and two subjects may share a bit.
    let subjects = legacy["subjects"].as_u64().unwrap() + dynamic["subjects"].as_u64().unwrap();
    assert!(subjects.abs_diff(CLIENTS as u64) <= 2, "{subjects}");
    let shown = get(&app, "/api/admin/read-model").await.ok().json;
    assert_eq!((&shown["rolledBack"], &shown["dynamicPercentage"]), (&json!(false), &json!(50.0)));
}

/// How long a slow client takes to send its body: longer than the latency limit, which a busy machine keeps.
const SLOW: Duration = Duration::from_millis(2500);
const SLOW_LIMIT_MS: f64 = 2000.0;

/// Looks up a patient's reservations with a body whose second half comes late.
async fn look_up_slowly(app: &App, n: usize) {
    let body = json!({"phone": format!("010-3000-{n:04}"), "birth_date": "1990-01-01"}).to_string();
    let (first, second) = body.split_at(20);
    let head = "POST /api/public/reservations/check HTTP/1.1\r\nHost: clinic\r\nConnection: close\r\n";
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    let length = body.len();
    let begun = format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{first}");
    stream.write_all(begun.as_bytes()).await.unwrap();
    tokio::time::sleep(SLOW).await;
    stream.write_all(second.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_send_slowly_or_ask_for_a_position_of_the_future_trip_nothing() {
    let watching = watching(0.0, SLOW_LIMIT_MS);
    let app = App::with_guardrails(Clinic::open().await.unwrap(), watching).await.unwrap();
    set_share(&app, 100.0).await;
    windows_pass(&app, 1).await;
    let (behind, app) = ("9".repeat(15), &app);
    let slow = (0..CLIENTS).map(|n| look_up_slowly(app, n));
    let impatient = (0..CLIENTS).map(|n| {
        let request = app.get("/api/public/services").header("Daybook-At-Least", &behind);
        async move { send(request.header("Daybook-Client", format!("client-{n}"))).await }
    });
    let (_, refused) =
        tokio::join!(futures_util::future::join_all(slow), futures_util::future::join_all(impatient));
    assert!(refused.iter().all(|response| response.code() == "VIEW_BEHIND"), "{}", refused[0].json);
    windows_pass(app, 2).await;
    let judged = get(app, GUARDRAILS).await.ok().json;
    // Refused positions are no requests of the view.
    let dynamic = &judged["lastWindows"]["dynamic"];
    assert_eq!((&judged["judgement"], &dynamic["requests"]), (&json!("fine"), &json!(CLIENTS)), "{judged}");
    assert_eq!(get(app, "/api/admin/read-model").await.ok().json["rolledBack"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn guardrails_never_end_or_repeat_a_rollback() {
    let app = guarded_app(0.0).await;
    set_share(&app, 25.0).await;
    let back = json!({"action": "rollback", "reason": "manual rollback"});
    send_json(&app, Method::POST, "/api/admin/read-model", &back).await.ok();
    let client = app.clinic.database.connect().await.unwrap();
    client.batch_execute("ALTER TABLE dynamic_1.services RENAME TO away").await.unwrap();
    let events = routing_events(&app).await.len();
    for _ in 0..3 {
        assert_eq!(round(&app).await, 0);
        windows_pass(&app, 1).await;
    }
    client.batch_execute("ALTER TABLE dynamic_1.away RENAME TO services").await.unwrap();
    round(&app).await;
    windows_pass(&app, 2).await;
    assert_eq!(get(&app, "/api/admin/read-model").await.ok().json["rolledBack"], true);
    assert_eq!(routing_events(&app).await.len(), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_not_rolled_back_to_a_view_that_cannot_be_written() {
    let app = guarded_app(0.0).await;
    set_share(&app, 25.0).await;
    let client = app.clinic.database.connect().await.unwrap();
    client.batch_execute("ALTER TABLE legacy_1.day_digests RENAME TO away").await.unwrap();
    book(&app, &form()).await.ok();
    tokio::time::sleep(Duration::from_secs(2)).await;
    client.batch_execute("ALTER TABLE dynamic_1.services RENAME TO away").await.unwrap();
    for _ in 0..4 {
        assert_ne!(round(&app).await, 0);
        windows_pass(&app, 1).await;
    }
    assert_eq!(get(&app, "/api/admin/read-model").await.ok().json["rolledBack"], false);
    client.batch_execute("ALTER TABLE legacy_1.away RENAME TO day_digests").await.unwrap();
    app.clinic.wait_for_views().await.unwrap();
    rolled_back(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_before_a_new_percentage_do_not_count_against_it() {
    let app = guarded_app(0.0).await;
    set_share(&app, 25.0).await;
    let client = app.clinic.database.connect().await.unwrap();
    client.batch_execute("ALTER TABLE dynamic_1.services RENAME TO away").await.unwrap();
    rolled_back(&app).await;
    client.batch_execute("ALTER TABLE dynamic_1.away RENAME TO services").await.unwrap();
    set_share(&app, 25.0).await;
    for _ in 0..3 {
        assert_eq!(round(&app).await, 0);
        windows_pass(&app, 1).await;
    }
    assert_eq!(get(&app, "/api/admin/read-model").await.ok().json["rolledBack"], false);
    assert_eq!(get(&app, GUARDRAILS).await.ok().json["judgement"], "fine");
}
