//! What a request does not know is refused by name. The old public routes ignore unknown body fields, as the old system did.

use daybook_api::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{app_on, book, form, form_with, get, reservation_id, send, send_json, staff_request};

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_asks_for_another_day_or_a_version_is_refused_and_changes_nothing() {
    let app = app_on("legacy").await;
    let id = reservation_id(&book(&app, &form()).await.ok());
    let head = app.clinic.log.head().await.unwrap();
    let path = format!("/api/reservations/{id}");
    for (field, value) in
        [("preferredDate", json!("2026-12-02")), ("version", json!(1)), ("Status", json!("x"))]
    {
        let body = json!({"status": "CONFIRMED", field: value});
        let refused = send_json(&app, Method::PATCH, &path, &body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "UNKNOWN_FIELDS"), "{field}");
        assert_eq!(refused.json["fields"], json!([field]));
        assert!(refused.json["message"].as_str().unwrap().contains(field));
    }
    for body in [
        json!({"status": "CONFIRMED", "reason": "unused"}),
        json!({"adminNotes": "x", "reason": "unused"}),
        json!({"timeSlotStart": "14:00", "preferredTime": "15:00"}),
        json!({"preferredTime": "오후"}),
    ] {
        let refused = send_json(&app, Method::PATCH, &path, &body).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.json);
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_admin_and_migration_routes_name_the_fields_they_do_not_know() {
    let app = app_on("legacy").await;
    let head = app.clinic.log.head().await.unwrap();
    let (post, patch, put) = (Method::POST, Method::PATCH, Method::PUT);
    let slot = json!({"period": "MORNING", "startTime": "09:00", "endTime": "12:00", "totalMinutes": 180});
    for (method, path, body, unknown) in [
        (
            post.clone(),
            "/api/admin/manual-close",
            json!({"date": "2026-12-01", "startTime": "09:00", "until": "x"}),
            "until",
        ),
        (
            post.clone(),
            "/api/admin/services",
            json!({"code": "XY", "name": "이름", "durationMinutes": 30, "price": 1}),
            "price",
        ),
        (patch.clone(), "/api/admin/services", json!({"id": "srv_skin_care", "category": "x"}), "category"),
        (put.clone(), "/api/admin/services", json!({"order": [], "version": 1}), "version"),
        (
            patch,
            "/api/admin/service-limits",
            json!({"serviceId": "srv_skin_care", "dailyLimit": 5, "limit": 5}),
            "limit",
        ),
        (put, "/api/admin/clinic-hours", json!({"dayOfWeek": 0, "slots": [slot]}), "slots[0].totalMinutes"),
        (
            post.clone(),
            "/api/admin/read-model",
            json!({"action": "rollback", "reason": "x", "percent": 1}),
            "percent",
        ),
        (
            post.clone(),
            "/api/admin/read-model",
            json!({"action": "rollback", "reason": "x", "dynamicPercentage": 1}),
            "dynamicPercentage",
        ),
        (
            post.clone(),
            "/api/admin/migration",
            json!({"action": "advance", "stage": "shadow", "force": true}),
            "force",
        ),
        (
            post,
            "/api/admin/migration",
            json!({"action": "rollback", "reason": "x", "override": "y"}),
            "override",
        ),
    ] {
        let refused = send_json(&app, method.clone(), path, &body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "UNKNOWN_FIELDS"), "{method} {path}");
        assert_eq!(refused.json["fields"], json!([unknown]), "{method} {path}");
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_query_parameters_that_it_does_not_know() {
    let app = app_on("legacy").await;
    let id = reservation_id(&book(&app, &form()).await.ok());
    app.clinic.wait_for_views().await.unwrap();
    let (get_, post, patch, put) = (Method::GET, Method::POST, Method::PATCH, Method::PUT);
    let one = format!("/api/reservations/{id}?");
    for (method, path) in [
        (post.clone(), "/api/public/reservations?"),
        (get_.clone(), "/api/public/services?active=true&"),
        (get_.clone(), "/api/public/reservations/time-slots?service=SKIN_CARE&date=2026-12-01&"),
        (get_.clone(), "/api/public/reservations/availability?serviceType=SKIN_CARE&date=2026-12-01&"),
        (get_.clone(), "/api/public/reservation-status?year=2026&month=12&"),
        (get_.clone(), "/api/public/reservations/check?phone=010-1234-5678&birth_date=1990-01-01&"),
        (get_.clone(), "/api/reservations?date=2026-12-01&"),
        (get_.clone(), one.as_str()),
        (patch.clone(), one.as_str()),
        (get_.clone(), "/api/admin/manual-close?date=2026-12-01&"),
        (post.clone(), "/api/admin/manual-close?"),
        (get_.clone(), "/api/admin/services?"),
        (post.clone(), "/api/admin/services?"),
        (patch, "/api/admin/services?"),
        (get_.clone(), "/api/admin/service-limits?"),
        (put.clone(), "/api/admin/service-limits?"),
        (get_.clone(), "/api/admin/clinic-hours?"),
        (put, "/api/admin/clinic-hours?"),
        (get_.clone(), "/api/admin/read-model?"),
        (post.clone(), "/api/admin/read-model?"),
        (get_.clone(), "/api/admin/migration?"),
        (post, "/api/admin/migration?"),
        (get_.clone(), "/api/admin/migration/plan?to=shadow&"),
        (get_, "/api/admin/guardrails?"),
    ] {
        let path = format!("{path}from=2026-01-01&t%3Co=010-1234-5678");
        let refused = send(staff_request(&app, Role::Admin, method.clone(), &path).json(&form())).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "UNKNOWN_PARAMETERS"), "{method} {path}");
        assert_eq!(refused.json["fields"], json!(["from", "to"]), "{method} {path}");
        assert!(!refused.json.to_string().contains("1234"), "no content is repeated");
    }
    for (method, path) in [
        (Method::POST, "/api/public/reservations/check?phone=010-1234-5678"),
        (Method::GET, "/api/admin/manual-close?date=2026-12-01&id=x"),
        (Method::POST, "/api/admin/manual-close?date=2026-12-01"),
        (Method::PATCH, "/api/admin/services?id=srv_skin_care"),
    ] {
        let refused = send(staff_request(&app, Role::Admin, method.clone(), path).json(&form())).await;
        assert_eq!(refused.code(), "UNKNOWN_PARAMETERS", "{method} {path}: it belongs to another method");
    }
    assert_eq!(send(app.get("/livez?verbose")).await.status, 200, "probes may add what they like");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_public_routes_ignore_unknown_body_fields() {
    let app = app_on("legacy").await;
    let more = json!({"utm_source": "naver", "version": 2, "marketing": {"agreed": true}});
    book(&app, &form_with(more)).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    let body = json!({"phone": "010-1234-5678", "birth_date": "1990-01-01", "captcha": "x"});
    let own = send(app.post("/api/public/reservations/check").json(&body)).await.ok();
    assert_eq!(own.json["count"], 1);
    let listed = get(&app, "/api/reservations").await.ok();
    assert_eq!(listed.json["pagination"]["total"], Value::from(1));
}
