//! Manual closures: they refuse bookings, list conflicting ones, and can be lifted.

use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Response, app_on, book, form, form_with, get, send_json};

const CLOSE: &str = "/api/admin/manual-close";

async fn close(app: &App, body: Value) -> Response {
    send_json(app, Method::POST, CLOSE, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_refuses_bookings_until_it_is_lifted() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let closed =
            close(&app, json!({"date": "2026-12-01", "period": "MORNING", "reason": "점검"})).await.ok();
        insta::assert_json_snapshot!("closure", closed.json, {".closure.id" => "[id]"});
        assert_eq!(book(&app, &form()).await.code(), "TIME_SLOT_MANUALLY_CLOSED");
        app.clinic.wait_for_views().await.unwrap();
        let listed = get(&app, &format!("{CLOSE}?date=2026-12-01")).await.ok();
        assert_eq!(listed.json["closures"], json!([closed.json["closure"]]));
        let id = closed.json["closure"]["id"].as_str().unwrap();
        let path = format!("{CLOSE}?id={id}&date=2026-12-01");
        send_json(&app, Method::DELETE, &path, &json!({})).await.ok();
        let again = send_json(&app, Method::DELETE, &path, &json!({})).await;
        assert_eq!((again.status.as_u16(), again.code()), (404, "CLOSURE_NOT_FOUND"));
        book(&app, &form()).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_of_one_service_does_not_affect_the_others() {
    let app = app_on("legacy").await;
    let only =
        json!({"date": "2026-12-01", "startTime": "09:00", "endTime": "12:00", "serviceId": "SKIN_CARE"});
    close(&app, only).await.ok();
    let refused = book(&app, &form_with(json!({"service": "SKIN_CARE"}))).await;
    assert_eq!(refused.code(), "TIME_SLOT_MANUALLY_CLOSED");
    book(&app, &form()).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_shown_where_several_closures_meet() {
    let app = app_on("dynamic").await;
    for (start, reason) in [("09:00", Value::Null), ("10:00", json!("점검")), ("10:30", Value::Null)] {
        close(&app, json!({"date": "2026-12-01", "startTime": start, "endTime": "12:00", "reason": reason}))
            .await
            .ok();
    }
    assert_eq!(book(&app, &form()).await.json["closureReason"], "점검");
    let early = book(&app, &form_with(json!({"preferred_time": "09:00"}))).await;
    assert_eq!(early.json["closureReason"], Value::Null, "only the first one is in the way");
    let half = book(&app, &form_with(json!({"preferred_time": null, "period": "MORNING"}))).await;
    assert_eq!(half.json["closureReason"], "점검");
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicting_bookings_are_listed_without_closing_anything() {
    let app = app_on("dynamic").await;
    book(&app, &form()).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    let head = app.clinic.log.head().await.unwrap();
    let span = |start: &str, end: &str| json!({"action": "check-conflict", "date": "2026-12-01", "startTime": start, "endTime": end});
    let found = close(&app, span("10:30", "11:00")).await.ok();
    insta::assert_json_snapshot!("conflicts", found.json, {".conflicts[].id" => "[id]"});
    assert_eq!(close(&app, span("10:40", "11:00")).await.ok().json["hasConflict"], false);
    assert_eq!(app.clinic.log.head().await.unwrap(), head, "nothing is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_closure_is_refused() {
    let app = app_on("legacy").await;
    let head = app.clinic.log.head().await.unwrap();
    for (body, code) in [
        (json!({}), "MISSING_FIELDS"),
        (json!({"date": "2026-12-01"}), "MISSING_FIELDS"),
        (json!({"date": "2026-02-30", "startTime": "09:00"}), "INVALID_DATE_FORMAT"),
        (json!({"date": "2026-12-01", "startTime": "9"}), "INVALID_TIME"),
        (json!({"date": "2026-12-01", "startTime": "10:00", "endTime": "10:00"}), "CLOSURE_EMPTY"),
        (json!({"date": "2026-12-06", "period": "MORNING"}), "NO_CLINIC_HOURS"),
        (json!({"date": "2026-12-01", "startTime": "10:00", "serviceId": "NONE"}), "UNKNOWN_SERVICE"),
        (json!({"date": "2026-12-01", "startTime": "10:00", "action": "explode"}), "INVALID_ACTION"),
        (json!({"date": "2026-12-01", "startTime": "10:00", "reason": "\u{0}"}), "INVALID_TEXT"),
    ] {
        let refused = close(&app, body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, code), "{}", refused.json);
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}
