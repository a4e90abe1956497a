//! Staff routes: tokens and roles, reading, filtering and changing reservations with `If-Match`.

use chrono::TimeDelta;
use daybook_api::Role;
use daybook_domain::ReadModel;
use daybook_tests::app::App;
use daybook_tests::clinic::{Clinic, desk, request};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{
    Response, app_on, book, form, form_with, get, reservation_id, send, send_json, staff_request,
};

async fn booked(app: &App) -> String {
    let id = reservation_id(&book(app, &form()).await.ok());
    app.clinic.wait_for_views().await.unwrap();
    id
}

async fn patch(app: &App, id: &str, body: Value) -> Response {
    send_json(app, Method::PATCH, &format!("/api/reservations/{id}"), &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_shown_in_full_with_an_entity_tag_that_does_not_depend_on_the_model() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let id = booked(&app).await;
        let shown = get(&app, &format!("/api/reservations/{id}")).await.ok();
        assert_eq!((shown.header("etag"), shown.header("daybook-read-model")), ("\"v1\"", model));
        insta::assert_json_snapshot!(format!("reservation_{model}"), shown.json, {".reservation.id" => "[id]"});
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_reservation_is_not_found() {
    let app = app_on("legacy").await;
    for path in ["/api/reservations/nothing", "/api/reservations/%00", "/api/reservations/a%20b"] {
        let refused = get(&app, path).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (404, "RESERVATION_NOT_FOUND"), "{path}");
    }
    let refused = patch(&app, "nothing", json!({"status": "CONFIRMED"})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (404, "RESERVATION_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_filtered_by_each_parameter_and_paged() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        booked(&app).await;
        let other = json!({"patient_name": "김영희", "phone": "010-9999-0000", "service": "SKIN_CARE",
            "preferred_date": "2026-12-02", "preferred_time": "15:00"});
        let other = reservation_id(&book(&app, &form_with(other)).await.ok());
        patch(&app, &other, json!({"status": "CONFIRMED"})).await.ok();
        app.clinic.wait_for_views().await.unwrap();
        for (query, total) in [
            ("", 2),
            ("date=2026-12-02", 1),
            ("status=CONFIRMED", 1),
            ("department=SKIN_CARE", 1),
            ("search=%EC%98%81%ED%9D%AC", 1),
            ("search=010-1234", 1),
            ("search=%25", 0),
            ("period=AFTERNOON", 1),
            ("date=2026-12-02&status=PENDING", 0),
        ] {
            let listed = get(&app, &format!("/api/reservations?{query}")).await.ok();
            assert_eq!(listed.json["pagination"]["total"], total, "{model} {query}");
            assert_eq!(listed.json["reservations"].as_array().unwrap().len(), total, "{model} {query}");
        }
        let second = get(&app, "/api/reservations?page=2&limit=1").await.ok();
        assert_eq!(second.json["pagination"], json!({"page": 2, "limit": 1, "total": 2, "totalPages": 2}));
        assert_eq!(second.json["reservations"][0]["patientName"], "홍길동");
    }
    let app = app_on("legacy").await;
    for (query, code) in [
        ("limit=101", "INVALID_FIELD"),
        ("page=0", "INVALID_FIELD"),
        ("status=ASLEEP", "INVALID_STATUS"),
        ("period=NIGHT", "INVALID_PERIOD"),
        ("date=today", "INVALID_DATE"),
        ("search=a%00", "INVALID_TEXT"),
        ("search=%E2%80%8B", "INVALID_TEXT"),
        ("search=%E3%85%A4%CC%81", "INVALID_TEXT"),
    ] {
        let refused = get(&app, &format!("/api/reservations?{query}")).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, code), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_note_change_together_and_the_response_shows_both() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        // Not settled: a booking is found as soon as it has been acknowledged.
        let id = reservation_id(&book(&app, &form()).await.ok());
        let changed = patch(&app, &id, json!({"status": "CONFIRMED", "adminNotes": "창가 자리"})).await.ok();
        let shown = &changed.json["reservation"];
        assert_eq!((&shown["status"], &shown["adminNotes"]), (&json!("CONFIRMED"), &json!("창가 자리")));
        assert_eq!(
            (&shown["statusChangedBy"], changed.header("etag")),
            (&json!("desk@clinic.example"), "\"v3\"")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_based_on_an_older_version_is_refused() {
    let app = app_on("legacy").await;
    let id = booked(&app).await;
    let path = format!("/api/reservations/{id}");
    let confirm = async |tag: &str| {
        let request = staff_request(&app, Role::Admin, Method::PATCH, &path).header("if-match", tag);
        send(request.json(&json!({"status": "CONFIRMED"}))).await
    };
    assert_eq!(confirm("v1").await.code(), "INVALID_HEADER");
    let refused = confirm("\"v2\"").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (412, "VERSION_MISMATCH"));
    assert_eq!((&refused.json["expected"], &refused.json["actual"]), (&json!(2), &json!(1)));
    assert_eq!(confirm("\"v1\"").await.ok().header("etag"), "\"v2\"");
    assert_eq!(confirm("*").await.ok().header("etag"), "\"v2\"", "a repeated confirmation changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_transitions_happen_and_a_refusal_names_both_statuses() {
    let app = app_on("legacy").await;
    let id = booked(&app).await;
    for wrong in ["COMPLETED", "NO_SHOW"] {
        let refused = patch(&app, &id, json!({"status": wrong, "adminNotes": "x"})).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "INVALID_TRANSITION"));
        assert_eq!((&refused.json["from"], &refused.json["to"]), (&json!("PENDING"), &json!(wrong)));
    }
    let untouched = get(&app, &format!("/api/reservations/{id}")).await.ok();
    assert_eq!(
        untouched.json["reservation"]["adminNotes"],
        Value::Null,
        "nothing of a refused patch takes effect"
    );
    patch(&app, &id, json!({"status": "CONFIRMED"})).await.ok();
    assert_eq!(patch(&app, &id, json!({"status": "PENDING"})).await.code(), "INVALID_TRANSITION");
    for too_early in ["COMPLETED", "NO_SHOW"] {
        let refused = patch(&app, &id, json!({"status": too_early})).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "NOT_BEGUN"), "{too_early}");
        assert_eq!(refused.json["status"], too_early);
    }
}

/// An application after the day of a booking, which is confirmed.
async fn after_a_confirmed_booking() -> (App, String) {
    let mut clinic = Clinic::open().await.unwrap();
    let wanted = request(1, "srv_skin_care", "2026-12-01", "10:00", ReadModel::Legacy);
    let id = clinic.commands.request(wanted, desk()).await.unwrap().reservation;
    clinic.commands = clinic.commands_at("2026-12-02T01:00:00Z").await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let app = App::with_clinic(clinic, TimeDelta::zero()).await.unwrap();
    patch(&app, id.as_str(), json!({"status": "CONFIRMED"})).await.ok();
    (app, id.as_str().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_corrected_with_a_reason_and_a_missed_appointment_can_be_cancelled() {
    let (app, id) = after_a_confirmed_booking().await;
    for outcome in ["NO_SHOW", "COMPLETED", "NO_SHOW"] {
        patch(&app, &id, json!({"status": outcome})).await.ok();
        assert_eq!(patch(&app, &id, json!({"timeSlotStart": "14:00"})).await.code(), "NOT_MOVABLE");
        assert_eq!(patch(&app, &id, json!({"status": "CONFIRMED"})).await.code(), "REASON_REQUIRED");
        for wrong in ["PENDING", "REJECTED", if outcome == "NO_SHOW" { "COMPLETED" } else { "CANCELLED" }] {
            let refused = patch(&app, &id, json!({"status": wrong})).await;
            assert_eq!(refused.code(), "INVALID_TRANSITION", "{outcome} -> {wrong}");
        }
        let corrected = patch(&app, &id, json!({"status": "CONFIRMED", "reason": "늦게 도착"})).await.ok();
        assert_eq!(corrected.json["reservation"]["status"], "CONFIRMED");
    }
    patch(&app, &id, json!({"status": "NO_SHOW"})).await.ok();
    let cancelled = patch(&app, &id, json!({"status": "CANCELLED"})).await.ok();
    assert_eq!(cancelled.json["reservation"]["status"], "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_not_moved_into_the_past_to_miss_it_there() {
    let (app, id) = after_a_confirmed_booking().await;
    for time in [json!({"timeSlotStart": "09:30"}), json!({"preferredTime": "오후 2시", "status": "NO_SHOW"})]
    {
        let refused = patch(&app, &id, time.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "TIME_IN_PAST"), "{time}");
    }
    let kept = get(&app, &format!("/api/reservations/{id}")).await.ok();
    let kept = &kept.json["reservation"];
    assert_eq!((&kept["preferredTime"], &kept["status"]), (&json!("10:00"), &json!("CONFIRMED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_assigned_a_time_and_then_moved() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let booked = book(&app, &form_with(json!({"preferred_time": "아무때나"}))).await.ok();
        let given = patch(&app, &reservation_id(&booked), json!({"timeSlotStart": "14:00"})).await.ok();
        assert_eq!(given.json["reservation"]["preferredTime"], "14:00", "{model}");
        let moved = patch(&app, &reservation_id(&booked), json!({"preferredTime": "오후 3시"})).await.ok();
        assert_eq!(moved.json["reservation"]["preferredTime"], "15:00", "{model}");
        let refused = patch(&app, &reservation_id(&booked), json!({"preferredTime": "08:00"})).await;
        assert_eq!(refused.code(), "OUTSIDE_CLINIC_HOURS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_patch_is_refused() {
    let app = app_on("legacy").await;
    let id = booked(&app).await;
    let head = app.clinic.log.head().await.unwrap();
    for (body, code) in [
        (json!({}), "NOTHING_TO_CHANGE"),
        (json!({"unheard": "of"}), "UNKNOWN_FIELDS"),
        (json!({"status": "PENDING"}), "NOTHING_TO_CHANGE"),
        (json!({"status": "confirmed"}), "INVALID_STATUS"),
        (json!({"status": 1}), "INVALID_JSON"),
        (json!({"adminNotes": "x".repeat(2001)}), "INVALID_TEXT"),
        (json!({"timeSlotStart": "25:00"}), "INVALID_TIME"),
        (json!({"preferredTime": "sometime"}), "INVALID_TIME"),
    ] {
        let refused = patch(&app, &id, body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, code));
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}
