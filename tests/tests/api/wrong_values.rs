//! Every field and parameter of every route: a wrong value is refused with a 400 that names the field and its rule.

use daybook_api::Role;
use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Response, app_on, form_with, send, staff_request};

const BOOKING: &str = "/api/public/reservations";
const CHECK: &str = "/api/public/reservations/check";
const CLOSE: &str = "/api/admin/manual-close";
const HOURS: &str = "/api/admin/clinic-hours";
const LIMITS: &str = "/api/admin/service-limits";
const LIST: &str = "/api/reservations";
const MIGRATION: &str = "/api/admin/migration";
const READ_MODEL: &str = "/api/admin/read-model";
const SERVICES: &str = "/api/admin/services";

/// Sends a request in a language.
async fn ask(app: &App, method: &Method, path: &str, body: &Value, language: &str) -> Response {
    let request = staff_request(app, Role::SuperAdmin, method.clone(), path);
    let request = request.header("accept-language", language);
    send(if body.is_null() { request } else { request.json(body) }).await
}

/// Asserts that both languages name these fields, each with a rule, and that the message says something about them.
async fn names(app: &App, method: &Method, path: &str, body: &Value, fields: &[&str]) {
    let mut messages = vec![];
    for language in ["en", "ko"] {
        let refused = ask(app, method, path, body, language).await;
        let context = format!("{method} {path} {body} {language}: {}", refused.json);
        assert_eq!(refused.status, 400, "{context}");
        let listed = refused.json["details"]["fields"].as_array().expect(&context);
        let named: Vec<&str> = listed.iter().map(|fault| fault["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields, "{context}");
        for fault in listed.iter().chain([&refused.json]) {
            assert!(fault["rule"].as_str().is_some_and(|rule| !rule.is_empty()), "{context}");
        }
        assert!(fields.contains(&refused.json["field"].as_str().expect(&context)), "{context}");
        let message = refused.json["message"].as_str().unwrap().to_owned();
        assert!(!message.contains('{') && !message.contains("secret"), "{context}");
        messages.push(message);
    }
    assert_ne!(messages[0], messages[1], "{method} {path} {body}");
}

/// The body with one field replaced.
fn with(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[field] = value;
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_parameter_of_any_route_is_named_with_its_rule() {
    let app = app_on("legacy").await;
    let long = "x".repeat(101);
    let (month, slots) = ("/api/public/reservation-status", "/api/public/reservations/time-slots");
    let availability = "/api/public/reservations/availability";
    let queries: [(&str, String, &[&str]); 28] = [
        (slots, "service=SKIN_CARE&date=secret".into(), &["date"]),
        (slots, "service=SKIN_CARE&date=2036-02-01".into(), &["date"]),
        (slots, "service=SKIN_CARE&date=2026-12-06".into(), &["date"]),
        (slots, "date=2026-12-01".into(), &["service"]),
        (availability, "serviceType=SKIN_CARE&date=secret".into(), &["date"]),
        (availability, "serviceType=SKIN_CARE&date=2036-02-01".into(), &["date"]),
        (month, "year=99999&month=13".into(), &["year", "month"]),
        (month, "year=2026&month=secret".into(), &["month"]),
        (month, "".into(), &["year", "month"]),
        (month, "year=2026&year=2027&month=1".into(), &["year"]),
        ("/api/public/services", "active=maybe".into(), &["active"]),
        (CHECK, "phone=secret&birth_date=2030-01-01".into(), &["phone", "birth_date"]),
        (CHECK, format!("phone={}&birth_date=secret", "1".repeat(41)), &["phone", "birth_date"]),
        (CHECK, "".into(), &["phone", "birth_date"]),
        (LIST, "date=secret&status=secret&period=secret".into(), &["date", "status", "period"]),
        (LIST, format!("search={long}"), &["search"]),
        (LIST, "search=a%00b".into(), &["search"]),
        (LIST, format!("department={long}"), &["department"]),
        (LIST, "page=0&limit=101".into(), &["page", "limit"]),
        (LIST, "page=secret".into(), &["page"]),
        (LIST, "page=100001".into(), &["page"]),
        (LIST, "cursor=secret".into(), &["cursor"]),
        (LIST, "cursor=secret&page=2".into(), &["page", "cursor"]),
        (LIST, "limit=1&limit=2".into(), &["limit"]),
        (CLOSE, "date=secret".into(), &["date"]),
        (CLOSE, "date=2300-01-01".into(), &["date"]),
        (CLOSE, "".into(), &["date"]),
        ("/api/admin/migration/plan", "to=secret".into(), &["to"]),
    ];
    for (path, query, fields) in queries {
        names(&app, &Method::GET, &format!("{path}?{query}"), &Value::Null, fields).await;
    }
    let lift = format!("{CLOSE}?date=secret");
    names(&app, &Method::DELETE, &lift, &Value::Null, &["id", "date"]).await;
    names(&app, &Method::DELETE, SERVICES, &Value::Null, &["id"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_of_a_public_form_is_named_with_its_rule() {
    let app = app_on("legacy").await;
    let form = form_with(json!({}));
    let texts = ["patient_name", "phone", "birth_date", "gender", "treatment_type", "service"];
    for field in texts.into_iter().chain(["preferred_date", "preferred_time", "email", "notes"]) {
        names(&app, &Method::POST, BOOKING, &with(&form, field, json!({"secret": 1})), &[field]).await;
    }
    for (field, wrong) in [
        ("patient_name", json!("secret\u{0}")),
        ("phone", json!("secret")),
        ("phone", json!("1".repeat(41))),
        ("birth_date", json!("secret")),
        ("birth_date", json!("1899-12-31")),
        ("gender", json!("secret")),
        ("treatment_type", json!("secret")),
        ("service", json!("secret")),
        ("service_id", json!("secret")),
        ("preferred_date", json!("secret")),
        ("preferred_date", json!("2026-11-19")),
        ("preferred_date", json!("2036-11-19")),
        ("preferred_date", json!("2026-12-06")),
        ("preferred_time", json!("시".repeat(201))),
        ("preferred_time", json!("20:00")),
        ("time_slot_start", json!("secret")),
        ("period", json!("secret")),
        ("email", json!("secret")),
        ("email", json!(format!("{}@b.kr", "a".repeat(250)))),
        ("notes", json!("x".repeat(2001))),
    ] {
        names(&app, &Method::POST, BOOKING, &with(&form, field, wrong), &[field]).await;
    }
    for (field, value) in [("time_slot_start", json!("20:00")), ("period", json!("AFTERNOON"))] {
        let saturday = json!({"preferred_date": "2026-12-05", "preferred_time": null, field: value});
        names(&app, &Method::POST, BOOKING, &form_with(saturday), &[field]).await;
    }
    let check = json!({"phone": 1, "birth_date": ["secret"]});
    names(&app, &Method::POST, CHECK, &check, &["phone", "birth_date"]).await;
    let types = json!({"phone": 1, "notes": 2, "email": 3});
    let refused = ask(&app, &Method::POST, BOOKING, &form_with(types), "en").await;
    let message = "Please correct the types of these values: phone: a text; email: a text; notes: a text.";
    assert_eq!(refused.json["message"], message, "one sentence for all of them");
    let born = form_with(json!({"birth_date": "1899-12-31"}));
    let refused = ask(&app, &Method::POST, BOOKING, &born, "ko").await;
    assert!(refused.json["message"].as_str().unwrap().contains("1900-01-01~2026-11-20"), "{}", refused.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_of_a_staff_form_is_named_with_its_rule() {
    let app = app_on("legacy").await;
    let (post, put, patch) = (Method::POST, Method::PUT, Method::PATCH);
    let close = json!({"date": "2026-12-01", "startTime": "10:00"});
    let one = "/api/reservations/r1";
    let service = json!({"code": "NEW_CARE", "name": "새 시술", "durationMinutes": 30});
    let skin = json!({"id": "srv_skin_care"});
    let limit = json!({"serviceId": "srv_skin_care", "dailyLimit": 3});
    let slot = |field: &str, value: Value| {
        let slot = json!({"period": "MORNING", "startTime": "09:00", "endTime": "12:00"});
        json!({"dayOfWeek": 2, "slots": [with(&slot, field, value)]})
    };
    let set = json!({"action": "set", "dynamicPercentage": 5, "reason": "test"});
    let advance = json!({"action": "advance", "stage": "shadow"});
    for (method, path, body, field) in [
        (&post, CLOSE, with(&close, "date", json!("secret")), "date"),
        (&post, CLOSE, with(&close, "date", json!(1)), "date"),
        (&post, CLOSE, with(&close, "startTime", json!("secret")), "startTime"),
        (&post, CLOSE, with(&close, "endTime", json!("10:00")), "endTime"),
        (&post, CLOSE, with(&close, "endTime", json!("secret")), "endTime"),
        (&post, CLOSE, json!({"date": "2026-12-01", "period": "secret"}), "period"),
        (&post, CLOSE, json!({"date": "2026-12-06", "period": "MORNING"}), "date"),
        (&post, CLOSE, with(&close, "service", json!("secret")), "service"),
        (&post, CLOSE, with(&close, "serviceId", json!("secret")), "serviceId"),
        (&post, CLOSE, with(&close, "reason", json!("x".repeat(501))), "reason"),
        (&post, CLOSE, with(&close, "action", json!("secret")), "action"),
        (&patch, one, json!({"status": "secret"}), "status"),
        (&patch, one, json!({"status": 1}), "status"),
        (&patch, one, json!({"timeSlotStart": "secret"}), "timeSlotStart"),
        (&patch, one, json!({"preferredTime": "secret"}), "preferredTime"),
        (&patch, one, json!({"adminNotes": "x".repeat(2001)}), "adminNotes"),
        (&patch, one, json!({"adminNotes": 1}), "adminNotes"),
        (&patch, one, json!({"status": "CANCELLED", "reason": "\u{0}"}), "reason"),
        (&post, SERVICES, with(&service, "code", json!("secret")), "code"),
        (&post, SERVICES, with(&service, "name", json!("x")), "name"),
        (&post, SERVICES, with(&service, "durationMinutes", json!("secret")), "durationMinutes"),
        (&post, SERVICES, with(&service, "basePrice", json!(-1)), "basePrice"),
        (&patch, SERVICES, with(&skin, "bufferMinutes", json!(61)), "bufferMinutes"),
        (&patch, SERVICES, with(&skin, "isActive", json!("secret")), "isActive"),
        (&patch, SERVICES, with(&skin, "name", Value::Null), "name"),
        (&put, SERVICES, json!({"order": "secret"}), "order"),
        (&put, SERVICES, json!({"order": []}), "order"),
        (&patch, LIMITS, with(&limit, "dailyLimit", json!(1001)), "dailyLimit"),
        (&patch, LIMITS, with(&limit, "isActive", json!(1)), "isActive"),
        (&put, HOURS, json!({"dayOfWeek": 7, "slots": []}), "dayOfWeek"),
        (&put, HOURS, json!({"dayOfWeek": 2, "slots": "secret"}), "slots"),
        (&put, HOURS, json!({"dayOfWeek": 2, "slots": [1]}), "slots[0]"),
        (&put, HOURS, slot("period", json!("secret")), "slots[0].period"),
        (&put, HOURS, slot("startTime", json!("secret")), "slots[0].startTime"),
        (&put, HOURS, slot("serviceId", json!("secret")), "slots[0].serviceId"),
        (&put, HOURS, slot("effectiveFrom", json!("secret")), "slots[0].effectiveFrom"),
        (&put, HOURS, slot("maxConcurrent", json!(101)), "slots[0].maxConcurrent"),
        (&post, READ_MODEL, with(&set, "dynamicPercentage", json!(101)), "dynamicPercentage"),
        (&post, READ_MODEL, with(&set, "dynamicPercentage", json!("secret")), "dynamicPercentage"),
        (&post, READ_MODEL, with(&set, "reason", Value::Null), "reason"),
        (&post, READ_MODEL, with(&set, "reason", json!("secret\n")), "reason"),
        (&post, MIGRATION, with(&advance, "stage", json!("secret")), "stage"),
        (&post, READ_MODEL, with(&set, "action", json!("secret")), "action"),
        (&post, MIGRATION, with(&advance, "action", json!("secret")), "action"),
        (&post, MIGRATION, with(&advance, "action", json!(1)), "action"),
        (&post, MIGRATION, json!({"action": "rollback"}), "reason"),
    ] {
        names(&app, method, path, &body, &[field]).await;
    }
    for field in ["status", "timeSlotStart", "preferredTime", "reason"] {
        for nothing in [Value::Null, json!(""), json!(" ")] {
            let body = with(&json!({"adminNotes": "x"}), field, nothing);
            names(&app, &patch, one, &body, &[field]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_contradict_one_another_are_both_named() {
    let app = app_on("legacy").await;
    let head = app.clinic.log.head().await.unwrap();
    let day = "2026-12-01";
    let patch = "/api/reservations/r1";
    let booking = |fields: Value| form_with(fields);
    let (post, change) = (Method::POST, Method::PATCH);
    for (method, path, body, fields) in [
        (
            &post,
            CLOSE,
            json!({"date": day, "startTime": "10:00", "period": "MORNING"}),
            ["period", "startTime"],
        ),
        (&post, CLOSE, json!({"date": day, "endTime": "11:00", "period": "MORNING"}), ["period", "endTime"]),
        (
            &post,
            CLOSE,
            json!({"date": day, "startTime": "10:00", "serviceId": "srv_skin_care", "service": "BODY_CARE"}),
            ["serviceId", "service"],
        ),
        (&post, BOOKING, booking(json!({"service_id": "srv_skin_care"})), ["service_id", "service"]),
        (&post, BOOKING, booking(json!({"time_slot_start": "11:00"})), ["time_slot_start", "preferred_time"]),
        (&post, BOOKING, booking(json!({"period": "AFTERNOON"})), ["preferred_time", "period"]),
        (
            &post,
            BOOKING,
            booking(json!({"preferred_time": "오전", "period": "AFTERNOON"})),
            ["preferred_time", "period"],
        ),
        (
            &post,
            BOOKING,
            booking(json!({"preferred_time": "오후", "time_slot_start": "10:00"})),
            ["time_slot_start", "preferred_time"],
        ),
        (
            &change,
            patch,
            json!({"timeSlotStart": "14:00", "preferredTime": "15:00"}),
            ["timeSlotStart", "preferredTime"],
        ),
    ] {
        names(&app, method, path, &body, &fields).await;
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head, "nothing is appended");
    for (fields, time) in [
        (
            json!({"period": "MORNING", "service_id": "srv_wrinkle_botox", "time_slot_start": "10:00"}),
            "10:00",
        ),
        (json!({"preferred_date": "2026-12-05", "preferred_time": "12:20", "period": "MORNING"}), "12:20"),
        (json!({"preferred_time": "오후", "period": "AFTERNOON", "phone": "010-1111-2222"}), "오후"),
        (
            json!({"preferred_time": "아무때나", "period": "AFTERNOON", "phone": "010-1111-3333"}),
            "오후 아무때나",
        ),
    ] {
        let booked = ask(&app, &post, BOOKING, &booking(fields), "ko").await.ok();
        assert_eq!(booked.json["reservation"]["preferred_time"], time);
    }
}
