//! Liveness, readiness and its reasons, metrics without personal data, and graceful shutdown.

use chrono::TimeDelta;
use daybook_api::{Permission, Role};
use daybook_projections::LagRule;
use daybook_tests::app::{App, JWT_SECRET, METRICS_TOKEN, narrow_token, spawn_app, token};
use serde_json::json;

use crate::client::{
    app_on, app_that_falls_behind, book, form, form_with, get, reservation_id, send, set_share,
};

async fn metrics(app: &App) -> String {
    app.metrics().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_the_monitoring_system_and_for_staff_who_may_read() {
    let app = spawn_app().await.unwrap();
    let read = async |token: Option<&str>| {
        let request = app.get("/metrics");
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        request.send().await.unwrap().status().as_u16()
    };
    let may_read = token("monitor", Role::Editor).unwrap();
    let may_not = narrow_token("monitor", Role::SuperAdmin, Some(vec![Permission::Tokens])).unwrap();
    assert_eq!(read(Some(METRICS_TOKEN)).await, 200);
    assert_eq!(read(Some(&may_read)).await, 200);
    assert_eq!(read(Some(&may_not)).await, 403);
    for wrong in [None, Some(""), Some("a-token-for-the-metrics-of-testS"), Some(JWT_SECRET)] {
        assert_eq!(read(wrong).await, 401, "{wrong:?}");
    }
    let listed = app.get("/api/reservations").bearer_auth(METRICS_TOKEN).send().await.unwrap();
    assert_eq!(listed.status(), 401, "it reads nothing else");
    assert_eq!(send(app.get("/%6detrics")).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_up_to_date_views_is_ready() {
    let app = spawn_app().await.unwrap();
    app.clinic.wait_for_views().await.unwrap();
    send(app.get("/livez")).await.ok();
    let ready = send(app.get("/readyz")).await.ok();
    insta::assert_json_snapshot!(ready.json, {".checks.*.position" => "[position]"});
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_a_stalled_view_is_not_ready_and_names_the_view() {
    let app = app_that_falls_behind(TimeDelta::seconds(60)).await;
    send(app.get("/readyz")).await.ok();
    book(&app, &form()).await.ok();
    // The view is a minute behind, but it has advanced a moment ago.
    let behind = send(app.get("/readyz")).await.ok();
    assert_eq!(behind.json["checks"]["legacy"]["health"], "behind", "{}", behind.json);
    let client = app.clinic.database.connect().await.unwrap();
    let still = "UPDATE control.checkpoints SET updated_at = updated_at - interval '90 seconds'";
    client.execute(still, &[]).await.unwrap();
    until_readyz_is(&app, 503).await;
    let not_ready = send(app.get("/readyz")).await;
    assert_eq!((not_ready.status.as_u16(), &not_ready.json["status"]), (503, &json!("not ready")));
    let checks = &not_ready.json["checks"];
    assert_eq!((&checks["log"]["ok"], &checks["legacy"]["ok"]), (&json!(true), &json!(false)));
    let legacy = &checks["legacy"];
    assert_eq!((&legacy["health"], &legacy["lagEvents"]), (&json!("stalled"), &json!(1)), "{legacy}");
    // `stillSeconds` is never longer than the age of the missing event.
    assert_eq!((&legacy["lagSeconds"], &legacy["stillSeconds"]), (&json!(60.0), &json!(60.0)), "{legacy}");
    assert!(checks.get("dynamic").is_none(), "nobody is routed to the dynamic view");
    set_share(&app, 50.0).await;
    let both = send(app.get("/readyz")).await;
    assert_eq!(both.json["checks"]["dynamic"]["ok"], false);
    send(app.get("/livez")).await.ok();
    let text = metrics(&app).await;
    assert!(text.contains("daybook_view_lag_seconds{model=\"legacy\"} 60"), "{text}");
    assert!(text.contains("daybook_view_lag_events{model=\"dynamic\"} 2"), "{text}");
    assert!(text.contains("daybook_view_still_seconds{model=\"legacy\"} 60"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_view_cannot_be_read_is_not_ready_and_its_reads_end() {
    let app = app_on("legacy").await;
    let mut client = app.clinic.database.connect().await.unwrap();
    let locked = client.transaction().await.unwrap();
    locked.batch_execute("LOCK legacy_1.services IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let begun = std::time::Instant::now();
    let not_ready = send(app.get("/readyz")).await;
    assert_eq!(not_ready.status, 503);
    assert_eq!(not_ready.json["checks"]["legacy"]["reason"], "the view did not answer in time");
    assert!(begun.elapsed().as_secs() < 4, "{:?}", begun.elapsed());
    let read = send(app.get("/api/public/services")).await;
    assert_eq!((read.status.as_u16(), read.code()), (503, "UNAVAILABLE"));
    locked.rollback().await.unwrap();
    send(app.get("/readyz")).await.ok();
    client.batch_execute("ALTER TABLE legacy_1.services RENAME TO away").await.unwrap();
    let not_ready = send(app.get("/readyz")).await;
    assert_eq!(not_ready.json["checks"]["legacy"]["reason"], "the view cannot be read", "{}", not_ready.json);
}

/// What the views' own queries do not read.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_a_table_that_it_needs_is_not_ready() {
    let app = app_on("legacy").await;
    let mut client = app.clinic.database.connect().await.unwrap();
    let reason = async || send(app.get("/readyz")).await.json["checks"]["tables"]["reason"].clone();
    for table in ["privacy.keys", "control.leader", "control.generations", "legacy_1.day_digests"] {
        let name = table.split_once('.').unwrap().1;
        client.batch_execute(&format!("ALTER TABLE {table} RENAME TO away")).await.unwrap();
        assert_eq!(reason().await, "a table that bookings or views need cannot be read", "{table}");
        let back = table.replace(name, "away");
        client.batch_execute(&format!("ALTER TABLE {back} RENAME TO {name}")).await.unwrap();
    }
    client.batch_execute("ALTER TABLE dynamic_1.day_digests RENAME TO away").await.unwrap();
    assert_eq!(reason().await, json!(null), "nobody reads this view");
    let locked = client.transaction().await.unwrap();
    locked.batch_execute("LOCK privacy.keys IN ACCESS EXCLUSIVE MODE").await.unwrap();
    assert_eq!(reason().await, "a table that bookings or views need did not answer in time");
    locked.rollback().await.unwrap();
    until_readyz_is(&app, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_view_that_cannot_be_written_is_named_and_stops_nothing() {
    for (read, broken) in [("legacy", "dynamic"), ("dynamic", "legacy")] {
        let app = app_on(read).await;
        let client = app.clinic.database.connect().await.unwrap();
        let break_it = format!("ALTER TABLE {broken}_1.reservations RENAME TO away");
        client.batch_execute(&break_it).await.unwrap();
        let booked = book(&app, &form()).await.ok();
        let path = format!("/api/reservations/{}", reservation_id(&booked));
        get(&app, &path).await.ok();
        tokio::time::sleep(SOON).await;
        let ready = send(app.get("/readyz")).await.ok();
        let failing = &ready.json["checks"][broken]["writeFailure"];
        assert_eq!((&failing["sqlstate"], &failing["servesReads"]), (&json!("42P01"), &json!(false)));
        let cause = format!("relation \"{broken}_1.reservations\" does not exist");
        assert_eq!((&failing["cause"], &failing["next"]), (&json!(cause), &json!("daybook status")));
        assert_eq!(ready.json["checks"][read]["health"], "current", "{}", ready.json);
        let line = format!(r#"daybook_view_write_failing{{model="{broken}",sqlstate="42P01"}} 1"#);
        assert!(metrics(&app).await.contains(&line), "{line}");
        let mend_it = format!("ALTER TABLE {broken}_1.away RENAME TO reservations");
        client.batch_execute(&mend_it).await.unwrap();
        app.clinic.wait_for_views().await.unwrap();
        tokio::time::sleep(SOON).await;
        assert!(send(app.get("/readyz")).await.ok().json["checks"].get(broken).is_none());
        assert!(!metrics(&app).await.contains("daybook_view_write_failing{"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_view_cannot_be_written_is_not_ready_until_reads_go_elsewhere() {
    let app = app_on("dynamic").await;
    let client = app.clinic.database.connect().await.unwrap();
    let closed = "ALTER TABLE dynamic_1.reservations ADD CONSTRAINT closed CHECK (false) NOT VALID";
    client.batch_execute(closed).await.unwrap();
    let booked = book(&app, &form()).await.ok();
    tokio::time::sleep(SOON).await;
    let not_ready = send(app.get("/readyz")).await;
    let dynamic = &not_ready.json["checks"]["dynamic"];
    assert_eq!((not_ready.status.as_u16(), &dynamic["ok"]), (503, &json!(false)), "{dynamic}");
    assert_eq!(dynamic["reason"], "the view cannot be written");
    let failing = &dynamic["writeFailure"];
    assert_eq!((&failing["sqlstate"], &failing["servesReads"]), (&json!("23514"), &json!(true)));
    assert_eq!(failing["cause"], "a value does not fit the constraint \"closed\"");
    set_share(&app, 0.0).await;
    until_readyz_is(&app, 200).await;
    get(&app, &format!("/api/reservations/{}", reservation_id(&booked))).await.ok();
    client.batch_execute("ALTER TABLE dynamic_1.reservations DROP CONSTRAINT closed").await.unwrap();
    app.clinic.wait_for_views().await.unwrap();
}

/// How soon a view that cannot be written has to be named.
const SOON: std::time::Duration = std::time::Duration::from_secs(2);

/// Waits until `/readyz` responds with this status.
async fn until_readyz_is(app: &App, status: u16) {
    let deadline = tokio::time::Instant::now() + daybook_tests::clinic::PATIENCE;
    while app.get("/readyz").send().await.unwrap().status() != status {
        assert!(tokio::time::Instant::now() < deadline, "/readyz never responds with {status}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A lock on the checkpoint blocks the view.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_view_is_stalled_until_it_advances_again() {
    let clinic = daybook_tests::clinic::Clinic::open().await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let rule = LagRule { events: 1, still: std::time::Duration::from_millis(200) };
    let app = App::with_lag_rule(clinic, TimeDelta::seconds(60), rule, None).await.unwrap();
    let mut holder = app.clinic.database.connect().await.unwrap();
    let held = holder.transaction().await.unwrap();
    held.batch_execute("SELECT FROM control.checkpoints FOR UPDATE").await.unwrap();
    book(&app, &form()).await.ok();
    // Under this rule, a lag of one event is never too long.
    tokio::time::sleep(rule.still * 3).await;
    send(app.get("/readyz")).await.ok();
    book(&app, &form_with(json!({ "preferred_time": "11:00", "phone": "010-2222-3333" }))).await.ok();
    until_readyz_is(&app, 503).await;
    held.rollback().await.unwrap();
    until_readyz_is(&app, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_rebuilds_are_measured() {
    let clinic = daybook_tests::clinic::Clinic::without_views().await.unwrap();
    clinic.rebuild().missing().await.unwrap();
    let engine = clinic.engine("measured");
    let batches = engine.batches();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let app = App::with_lag_rule(clinic, TimeDelta::zero(), LagRule::USUAL, Some(batches)).await.unwrap();
    assert!(metrics(&app).await.contains("daybook_view_batch_events_count 0"));
    let running = tokio::spawn(engine.run(stopped));
    book(&app, &form()).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    let client = app.clinic.database.connect().await.unwrap();
    let building = "INSERT INTO control.generations (model, number, state, rules_version, phase, events)
                    VALUES ('legacy', 7, 'building', 1, 'loading', 1234);
                    INSERT INTO control.checkpoints (model, number, commit_position, prepare_position)
                    VALUES ('legacy', 7, 0, 0)";
    client.batch_execute(building).await.unwrap();
    let deadline = tokio::time::Instant::now() + daybook_tests::clinic::PATIENCE;
    let wanted = [
        "daybook_view_batch_events_sum 1.0",
        "daybook_view_batch_duration_seconds_count 1",
        r#"daybook_rebuild_phase{model="legacy",phase="loading"} 1"#,
        r#"daybook_rebuild_events{model="legacy"} 1234"#,
    ];
    loop {
        let text = metrics(&app).await;
        let has_all = wanted.iter().all(|line| text.contains(line));
        let is_dated = !text.contains("daybook_view_last_batch_timestamp_seconds 0.0");
        if has_all && is_dated {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{text}");
    }
    client.execute("UPDATE control.generations SET state = 'failed' WHERE number = 7", &[]).await.unwrap();
    let text = metrics(&app).await;
    assert!(!text.contains("daybook_rebuild_phase{") && !text.contains("daybook_rebuild_events{"), "{text}");
    stop.send_replace(true);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_the_other_rule_set_would_have_refused_is_counted() {
    let app = app_on("legacy").await;
    book(&app, &form_with(json!({ "preferred_time": "11:30" }))).await.ok();
    let text = metrics(&app).await;
    let line = r#"daybook_verdict_differences_total{code="DOES_NOT_FIT",judge="legacy"} 1"#;
    assert!(text.contains(line), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metric_labels_contain_nothing_from_a_client() {
    let app = app_on("dynamic").await;
    book(&app, &form()).await.ok();
    book(&app, &form()).await;
    app.clinic.wait_for_views().await.unwrap();
    send(app.get("/api/reservations/0192f0a0-0000-7000-8000-000000000001")).await;
    send(app.get("/api/public/services?code=SECRET_CODE")).await;
    let text = metrics(&app).await;
    for line in [
        r#"daybook_bookings_total{outcome="accepted",code="NEW",judge="dynamic"} 1"#,
        r#"daybook_bookings_total{outcome="refused",code="SLOT_TAKEN",judge="dynamic"} 1"#,
        r#"daybook_http_requests_total{route="/api/reservations/{id}",method="GET",status="4xx",model="none"} 1"#,
        r#"daybook_view_lag_seconds{model="legacy"} 0"#,
        r#"daybook_log_up{adapter="postgres"} 1"#,
        r#"daybook_log_reconnects{adapter="postgres"} 0"#,
        "daybook_http_requests_in_flight 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for hidden in ["홍길동", "010-1234", "0192f0a0", "SECRET_CODE", "desk@clinic"] {
        assert!(!text.contains(hidden), "{hidden}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_finished_on_shutdown() {
    let mut app = spawn_app().await.unwrap();
    // The request waits for a position that no view reaches, so it is in flight when the application stops.
    let slow = app.get("/api/public/services").header("Daybook-At-Least", "999999999").send();
    let slow = tokio::spawn(slow);
    let deadline = tokio::time::Instant::now() + daybook_tests::clinic::PATIENCE;
    while !metrics(&app).await.contains("daybook_http_requests_in_flight 2") {
        assert!(tokio::time::Instant::now() < deadline);
    }
    let stopping = tokio::spawn(app.stop_handle().stop());
    assert_eq!(slow.await.unwrap().unwrap().status(), 503);
    stopping.await.unwrap();
    app.wait_for_stop().await.unwrap();
    assert!(app.get("/livez").send().await.is_err());
}
