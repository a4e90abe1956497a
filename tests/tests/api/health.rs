//! Health: alive, ready or not and why, counted without anybody's name, and stopped without cutting anybody off.

use chrono::TimeDelta;
use daybook_tests::app::{App, spawn_app};
use serde_json::json;

use crate::told::{app_on, app_that_falls_behind, book, form, form_with, set_share, told};

async fn metrics(app: &App) -> String {
    app.get("/metrics").send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_view_is_near_the_logs_end_is_ready() {
    let app = spawn_app().await.unwrap();
    app.clinic.settled().await.unwrap();
    told(app.get("/livez")).await.ok();
    let ready = told(app.get("/readyz")).await.ok();
    insta::assert_json_snapshot!(ready.json, {".checks.*.position" => "[position]"});
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_serving_view_falls_behind_is_not_ready_and_names_the_view() {
    let app = app_that_falls_behind(TimeDelta::seconds(60)).await;
    told(app.get("/readyz")).await.ok();
    book(&app, &form()).await.ok();
    let not_ready = told(app.get("/readyz")).await;
    assert_eq!((not_ready.status.as_u16(), &not_ready.json["status"]), (503, &json!("not ready")));
    let checks = &not_ready.json["checks"];
    assert_eq!((&checks["log"]["ok"], &checks["legacy"]["ok"]), (&json!(true), &json!(false)));
    assert_eq!(checks["legacy"]["lagSeconds"], json!(60.0));
    assert!(checks.get("dynamic").is_none(), "nobody is routed to the dynamic view");
    set_share(&app, 50.0).await;
    let both = told(app.get("/readyz")).await;
    assert_eq!(both.json["checks"]["dynamic"]["ok"], false);
    told(app.get("/livez")).await.ok();
    let text = metrics(&app).await;
    assert!(text.contains("daybook_view_lag_seconds{model=\"legacy\"} 60"), "{text}");
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
async fn metrics_count_by_words_of_ours_and_hold_nothing_of_a_client() {
    let app = app_on("dynamic").await;
    book(&app, &form()).await.ok();
    book(&app, &form()).await;
    app.clinic.settled().await.unwrap();
    told(app.get("/api/reservations/0192f0a0-0000-7000-8000-000000000001")).await;
    told(app.get("/api/public/services?code=SECRET_CODE")).await;
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
async fn requests_under_way_are_finished_when_the_process_is_told_to_stop() {
    let mut app = spawn_app().await.unwrap();
    // It waits for a position that no view reaches, so it is under way for sure when the application stops.
    let slow = app.get("/api/public/services").header("Daybook-At-Least", "999999999").send();
    let slow = tokio::spawn(slow);
    let deadline = tokio::time::Instant::now() + daybook_tests::clinic::PATIENCE;
    while !metrics(&app).await.contains("daybook_http_requests_in_flight 2") {
        assert!(tokio::time::Instant::now() < deadline);
    }
    let stopping = tokio::spawn(app.stop_handle().stop());
    assert_eq!(slow.await.unwrap().unwrap().status(), 503);
    stopping.await.unwrap();
    app.ended().await.unwrap();
    assert!(app.get("/livez").send().await.is_err());
}
