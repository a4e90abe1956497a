//! A request that asks for what is there already: it changes nothing, and its answer says what was recorded.

use daybook_api::Role;
use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{
    Response, app_on, book, form, form_with, reservation_id, send, send_json, staff_request,
};

const CLOSE: &str = "/api/admin/manual-close";

async fn patch(app: &App, id: &str, body: Value) -> Response {
    send_json(app, Method::PATCH, &format!("/api/reservations/{id}"), &body).await
}

async fn close_with_key(app: &App, key: &str, body: &Value) -> Response {
    let request = staff_request(app, Role::Admin, Method::POST, CLOSE).header("Idempotency-Key", key);
    send(request.json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_reached_keeps_its_reason_and_the_answer_shows_it() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let id = reservation_id(&book(&app, &form()).await.ok());
        let cancelled = patch(&app, &id, json!({"status": "CANCELLED", "reason": "환자 요청"})).await.ok();
        assert_eq!(cancelled.json["statusReason"], "환자 요청");
        let head = app.clinic.log.head().await.unwrap();
        for body in [json!({"status": "CANCELLED", "reason": "환자 요청"}), json!({"status": "CANCELLED"})]
        {
            let again = patch(&app, &id, body).await.ok();
            assert_eq!(again.json["statusReason"], "환자 요청");
            assert_ne!(again.json["message"], cancelled.json["message"], "nothing was changed");
        }
        let other = json!({"status": "CANCELLED", "reason": "병원 사정", "adminNotes": "x"});
        let refused = patch(&app, &id, other).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "STATUS_STANDS"), "{}", refused.json);
        assert_eq!(refused.json["status"], "CANCELLED");
        assert!(!refused.json.to_string().contains("환자 요청"));
        assert_eq!(app.clinic.log.head().await.unwrap(), head, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_nothing_would_record_is_refused() {
    let app = app_on("legacy").await;
    let id = reservation_id(&book(&app, &form()).await.ok());
    app.clinic.wait_for_views().await.unwrap();
    let unused = json!({"status": "PENDING", "adminNotes": "x", "reason": "why"});
    assert_eq!(patch(&app, &id, unused).await.json["field"], "reason");
    patch(&app, &id, json!({"status": "CONFIRMED"})).await.ok();
    let again = patch(&app, &id, json!({"status": "CONFIRMED", "reason": "why"})).await;
    assert_eq!((again.status.as_u16(), again.code()), (409, "STATUS_STANDS"), "{}", again.json);
    let again = patch(&app, &id, json!({"status": "CONFIRMED"})).await.ok();
    assert_eq!((again.header("etag"), &again.json["statusReason"]), ("\"v2\"", &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_stands_causes_no_event() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let id = reservation_id(&book(&app, &form()).await.ok());
        for (note, version) in [
            (Value::Null, "\"v1\""),
            (json!(""), "\"v1\""),
            (json!("창가"), "\"v2\""),
            (json!("창가"), "\"v2\""),
            (Value::Null, "\"v3\""),
            (json!(" "), "\"v3\""),
        ] {
            let changed = patch(&app, &id, json!({"adminNotes": note})).await.ok();
            assert_eq!(changed.header("etag"), version, "{model} {note}");
        }
        let path = format!("/api/reservations/{id}");
        let request = staff_request(&app, Role::Admin, Method::PATCH, &path).header("if-match", "\"v1\"");
        let refused = send(request.json(&json!({"adminNotes": null}))).await;
        assert_eq!(refused.code(), "VERSION_MISMATCH", "{model}");
        let both = patch(&app, &id, json!({"adminNotes": null, "status": "CONFIRMED"})).await.ok();
        assert_eq!(both.header("etag"), "\"v4\"", "{model}: only the status changes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_day_that_was_closed_is_answered_again_after_its_hours_have_changed() {
    let app = app_on("legacy").await;
    let morning = json!({"date": "2026-12-01", "period": "MORNING", "service": "SKIN_CARE"});
    let first = close_with_key(&app, "k1", &morning).await.ok();
    assert_eq!(first.json["closure"]["endTime"], "12:00");
    let slot = json!({"period": "MORNING", "startTime": "10:00", "endTime": "11:00"});
    for slots in [json!([slot]), json!([])] {
        let hours = json!({"dayOfWeek": 2, "slots": slots});
        send_json(&app, Method::PUT, "/api/admin/clinic-hours", &hours).await.ok();
        let again = close_with_key(&app, "k1", &morning).await.ok();
        assert_eq!(again.json["closure"], first.json["closure"]);
        let other = json!({"date": "2026-12-01", "period": "AFTERNOON", "service": "SKIN_CARE"});
        assert_eq!(close_with_key(&app, "k1", &other).await.status, 422);
    }
    let fresh = close_with_key(&app, "k2", &morning).await;
    assert_eq!((fresh.code(), &fresh.json["field"]), ("NO_CLINIC_HOURS", &json!("date")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_answered_again_after_its_service_and_its_hours_are_gone() {
    let app = app_on("dynamic").await;
    let key = async |form: &Value| {
        send(app.post("/api/public/reservations").header("Idempotency-Key", "k1").json(form)).await
    };
    let form = form_with(json!({"period": "MORNING"}));
    let first = key(&form).await.ok();
    let renamed = json!({"id": "srv_wrinkle_botox", "name": "다른 이름", "durationMinutes": 480});
    send_json(&app, Method::PATCH, "/api/admin/services", &renamed).await.ok();
    let gone = "/api/admin/services?id=srv_wrinkle_botox";
    send(staff_request(&app, Role::Admin, Method::DELETE, gone)).await.ok();
    let hours = json!({"dayOfWeek": 2, "slots": []});
    send_json(&app, Method::PUT, "/api/admin/clinic-hours", &hours).await.ok();
    assert_eq!(key(&form).await.ok().json, first.json);
    let refused = book(&app, &form).await;
    assert_eq!((refused.code(), &refused.json["field"]), ("SERVICE_INACTIVE", &json!("service")));
}
