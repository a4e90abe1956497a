//! Admin routes for services, limits and hours. Each response lists the changed fields.

use reqwest::Method;
use serde_json::json;

use crate::client::{app_on, book, form_with, get, send, send_json};

const SERVICES: &str = "/api/admin/services";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_service_can_be_booked_at_once_and_its_code_is_unique() {
    let app = app_on("dynamic").await;
    let new = json!({"code": "LASER_TONING", "name": "레이저 토닝", "durationMinutes": 30});
    let defined = send_json(&app, Method::POST, SERVICES, &new).await.ok();
    insta::assert_json_snapshot!("defined_service", defined.json);
    book(&app, &form_with(json!({"service": "LASER_TONING"}))).await.ok();
    let listed = get(&app, SERVICES).await.ok();
    assert_eq!((&listed.json["count"], &listed.json["services"][6]["displayOrder"]), (&json!(7), &json!(7)));
    let twice = send_json(
        &app,
        Method::POST,
        SERVICES,
        &json!({"id": "srv_other", "code": "LASER_TONING", "name": "레이저", "durationMinutes": 30}),
    )
    .await;
    assert_eq!((twice.status.as_u16(), twice.code()), (409, "VALUE_TAKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_a_service_lists_the_changed_fields() {
    let app = app_on("legacy").await;
    let change =
        json!({"id": "srv_skin_care", "name": "피부 관리", "durationMinutes": 50, "bufferMinutes": 10});
    let changed = send_json(&app, Method::PATCH, SERVICES, &change).await.ok();
    insta::assert_json_snapshot!("changed_service", changed.json["changes"]);
    app.clinic.wait_for_views().await.unwrap();
    let seen = send(app.get("/api/public/services?code=SKIN_CARE")).await.ok();
    assert_eq!(
        (&seen.json["services"][0]["name"], &seen.json["services"][0]["totalMinutes"]),
        (&json!("피부 관리"), &json!(60))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reordering_requires_all_services() {
    let app = app_on("legacy").await;
    let listed = get(&app, SERVICES).await.ok();
    let ids: Vec<_> = listed.json["services"].as_array().unwrap().iter().map(|s| s["id"].clone()).collect();
    let reversed: Vec<_> = ids.iter().rev().cloned().collect();
    let moved = send_json(&app, Method::PUT, SERVICES, &json!({"order": reversed})).await.ok();
    assert_eq!(moved.json["changes"].as_array().unwrap().len(), 6);
    assert_eq!(moved.json["services"][0]["id"], ids[5]);
    let incomplete = send_json(&app, Method::PUT, SERVICES, &json!({"order": [ids[0]]})).await;
    assert_eq!((incomplete.status.as_u16(), incomplete.code()), (400, "ORDER_INCOMPLETE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_listed_and_set() {
    let app = app_on("legacy").await;
    let limits = "/api/admin/service-limits";
    let set = send_json(&app, Method::PATCH, limits, &json!({"serviceType": "BODY_CARE", "dailyLimit": 3}))
        .await
        .ok();
    assert_eq!(set.json["changes"], json!([{"field": "dailyLimit", "from": 10, "to": 3}]));
    let listed = get(&app, limits).await.ok();
    insta::assert_json_snapshot!("limits", listed.json["limits"][4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_hours_replaces_the_whole_weekday() {
    let app = app_on("legacy").await;
    let hours = "/api/admin/clinic-hours";
    assert_eq!(get(&app, hours).await.ok().json["slots"].as_array().unwrap().len(), 11);
    let sunday =
        json!({"dayOfWeek": 0, "slots": [{"period": "MORNING", "startTime": "10:00", "endTime": "12:00"}]});
    let set = send_json(&app, Method::PUT, hours, &sunday).await.ok();
    insta::assert_json_snapshot!("sunday", set.json["slots"][0]);
    book(&app, &form_with(json!({"preferred_date": "2026-12-06"}))).await.ok();
    let overlapping = json!({"dayOfWeek": 0, "slots": [
        {"period": "MORNING", "startTime": "10:00", "endTime": "12:00"},
        {"period": "MORNING", "startTime": "11:00", "endTime": "13:00"}]});
    let refused = send_json(&app, Method::PUT, hours, &overlapping).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "HOURS_OVERLAP"));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_admin_requests_are_refused_and_change_nothing() {
    let app = app_on("legacy").await;
    let head = app.clinic.log.head().await.unwrap();
    let (post, patch, put) = (Method::POST, Method::PATCH, Method::PUT);
    for (method, path, body, code) in [
        (post.clone(), SERVICES, json!({}), "MISSING_FIELDS"),
        (
            post.clone(),
            SERVICES,
            json!({"code": "x", "name": "이름", "durationMinutes": 30}),
            "INVALID_FIELD",
        ),
        (
            post.clone(),
            SERVICES,
            json!({"code": "XY", "name": "이름", "durationMinutes": 5}),
            "INVALID_FIELD",
        ),
        (
            post.clone(),
            SERVICES,
            json!({"code": "XY", "name": "이름", "durationMinutes": -5}),
            "INVALID_FIELD",
        ),
        (post, SERVICES, json!({"code": "XY", "name": "이\u{0}름", "durationMinutes": 30}), "INVALID_TEXT"),
        (patch.clone(), SERVICES, json!({"name": "이름"}), "MISSING_FIELDS"),
        (patch.clone(), SERVICES, json!({"id": "srv_none", "name": "이름"}), "SERVICE_NOT_FOUND"),
        (patch.clone(), SERVICES, json!({"id": "srv_skin_care"}), "NOTHING_TO_CHANGE"),
        // The second change is not possible, so the first one is not made either.
        (
            patch.clone(),
            SERVICES,
            json!({"id": "srv_skin_care", "name": "이름", "durationMinutes": 1}),
            "INVALID_FIELD",
        ),
        (patch, "/api/admin/service-limits", json!({"serviceId": "srv_skin_care"}), "NOTHING_TO_CHANGE"),
        (
            put.clone(),
            "/api/admin/service-limits",
            json!({"serviceId": "srv_skin_care", "dailyLimit": 5000}),
            "INVALID_FIELD",
        ),
        (put.clone(), "/api/admin/clinic-hours", json!({"dayOfWeek": 7, "slots": []}), "INVALID_FIELD"),
        (put, SERVICES, json!({"order": "all"}), "INVALID_JSON"),
    ] {
        let refused = send_json(&app, method.clone(), path, &body).await;
        assert_eq!(refused.code(), code, "{method} {path} {body}: {}", refused.json);
        assert!(refused.status.is_client_error());
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}
