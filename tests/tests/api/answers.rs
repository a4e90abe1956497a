//! An answer says what was recorded, and what it is now. It never repeats the request in its place.

use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Response, app_on, book, form, form_with, get, reservation_id, send, send_json};

const CHECK: &str = "/api/public/reservations/check";
const CLOSE: &str = "/api/admin/manual-close";

async fn book_with_key(app: &App, key: &str, form: &Value) -> Response {
    send(app.post("/api/public/reservations").header("Idempotency-Key", key).json(form)).await
}

async fn patch(app: &App, id: &str, body: Value) -> Response {
    send_json(app, Method::PATCH, &format!("/api/reservations/{id}"), &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_body_is_refused_whatever_differs() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let first = book_with_key(&app, "tap-1", &form()).await.ok();
        for other in [
            json!({"preferred_time": "15:00"}),
            json!({"preferred_time": null, "period": "MORNING"}),
            json!({"patient_name": "김영희"}),
            json!({"phone": "010-9876-5432"}),
            json!({"birth_date": "1991-01-01"}),
            json!({"preferred_date": "2026-12-02"}),
            json!({"service": "SKIN_CARE"}),
            json!({"notes": null}),
        ] {
            let refused = book_with_key(&app, "tap-1", &form_with(other.clone())).await;
            let seen = (refused.status.as_u16(), refused.code());
            assert_eq!(seen, (422, "IDEMPOTENCY_KEY_REUSED"), "{other}");
        }
        let unknown_and_reordered = form_with(json!({"utm_source": "naver"}));
        let again = book_with_key(&app, "tap-1", &unknown_and_reordered).await.ok();
        assert_eq!(again.json, first.json, "fields that the form does not have count for nothing");
        app.clinic.wait_for_views().await.unwrap();
        let listed = get(&app, "/api/reservations?date=2026-12-01").await.ok();
        assert_eq!(listed.json["pagination"]["total"], 1);
        let next_day = get(&app, "/api/reservations?date=2026-12-02").await.ok();
        assert_eq!(next_day.json["pagination"]["total"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_bound_to_fields_that_decide_nothing() {
    let app = app_on("dynamic").await;
    let forms = [
        json!({"preferred_time": "퇴근 후", "period": "AFTERNOON"}),
        json!({"preferred_time": "퇴근 후", "period": "MORNING"}),
        json!({"preferred_time": "퇴근 후"}),
        json!({"preferred_time": "퇴근 후", "time_slot_start": "10:00"}),
        json!({"preferred_time": "점심때쯤", "time_slot_start": "10:00"}),
        json!({"preferred_time": null, "time_slot_start": "10:00"}),
        json!({"preferred_time": null, "time_slot_start": "10:00", "period": "MORNING"}),
    ];
    for (key, first) in forms.iter().enumerate() {
        let (key, birth_date) = (key.to_string(), format!("198{key}-01-01"));
        let form = |fields: &Value| {
            let mut form = form_with(fields.clone());
            form["birth_date"] = json!(birth_date);
            form["preferred_date"] = json!(format!("2026-12-1{}", 4 + key.parse::<u8>().unwrap() % 5));
            form
        };
        let booked = book_with_key(&app, &key, &form(first)).await;
        if booked.status != 200 {
            assert_eq!(booked.code(), "TIME_SLOT_FULL");
            continue;
        }
        for other in &forms {
            let expected = if other == first { 200 } else { 422 };
            let answer = book_with_key(&app, &key, &form(other)).await;
            assert_eq!(answer.status.as_u16(), expected, "{first} {other} {}", answer.json);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_answered_with_the_booking_as_it_is_now() {
    let app = app_on("legacy").await;
    let first = book_with_key(&app, "tap-1", &form()).await.ok();
    let id = reservation_id(&first);
    patch(&app, &id, json!({"timeSlotStart": "16:00", "status": "CONFIRMED"})).await.ok();
    let moved = book_with_key(&app, "tap-1", &form()).await.ok();
    assert_eq!(moved.json["reservation"]["preferred_time"], "16:00");
    assert_eq!(moved.json["reservation"]["status"], "CONFIRMED");
    patch(&app, &id, json!({"status": "CANCELLED"})).await.ok();
    let cancelled = book_with_key(&app, "tap-1", &form()).await.ok();
    assert_eq!(reservation_id(&cancelled), id);
    assert_eq!(cancelled.json["reservation"]["status"], "CANCELLED");
    assert_ne!(cancelled.json["message"], first.json["message"], "it is not received once more");
    assert!(cancelled.json["message"].as_str().unwrap().contains("취소"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_is_answered_with_the_first_booking() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        for time in
            [json!({"preferred_time": null, "period": "AFTERNOON"}), json!({"preferred_time": "아무때나"})]
        {
            let form = form_with(time);
            let first = book(&app, &form).await.ok();
            assert_eq!(book(&app, &form).await.ok().json, first.json, "{model} {form}");
        }
        let sibling = json!({"preferred_time": null, "period": "AFTERNOON", "patient_name": "홍길순"});
        book(&app, &form_with(sibling)).await.ok();
        app.clinic.wait_for_views().await.unwrap();
        let listed = get(&app, "/api/reservations?date=2026-12-01").await.ok();
        assert_eq!(listed.json["pagination"]["total"], 3, "{model}");
        book(&app, &form()).await.ok();
        assert_eq!(book(&app, &form()).await.code(), "TIME_SLOT_FULL", "the first click has the only seat");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_a_person_has_to_read_is_answered_as_such_until_it_is_read() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let booked = book(&app, &form_with(json!({"preferred_time": "퇴근하고요"}))).await.ok();
        assert_eq!(booked.json["reservation"]["needsReview"], true);
        app.clinic.wait_for_views().await.unwrap();
        let id = reservation_id(&booked);
        let path = format!("/api/reservations/{id}");
        let own = json!({"phone": "010-1234-5678", "birth_date": "1990-01-01"});
        let seen = async || {
            let (one, list) = (get(&app, &path).await.ok(), get(&app, "/api/reservations").await.ok());
            let own = send(app.post(CHECK).json(&own)).await.ok();
            [
                one.json["reservation"]["needsReview"].clone(),
                list.json["reservations"][0]["needsReview"].clone(),
                own.json["reservations"][0]["needsReview"].clone(),
            ]
        };
        assert_eq!(seen().await, [true, true, true], "{model}");
        let refused = patch(&app, &id, json!({"status": "CONFIRMED"})).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "TIME_NOT_READ"));
        let read = patch(&app, &id, json!({"status": "CONFIRMED", "preferredTime": "오후"})).await.ok();
        assert_eq!(read.json["reservation"]["preferredTime"], "오후");
        app.clinic.wait_for_views().await.unwrap();
        assert_eq!(seen().await, [Value::Null, Value::Null, Value::Null], "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_taken_away_by_an_empty_text_or_null() {
    for model in ["legacy", "dynamic"] {
        for nothing in [json!(""), json!("  "), Value::Null] {
            let app = app_on(model).await;
            let id = reservation_id(&book(&app, &form()).await.ok());
            let noted = patch(&app, &id, json!({"adminNotes": "첫 메모"})).await.ok();
            assert_eq!(noted.json["reservation"]["adminNotes"], "첫 메모");
            let emptied = patch(&app, &id, json!({"adminNotes": nothing})).await.ok();
            assert_eq!(emptied.json["reservation"]["adminNotes"], Value::Null, "{model} {nothing}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_limit_in_minutes_is_removed_by_null_and_kept_if_it_is_not_mentioned() {
    let app = app_on("legacy").await;
    let set = async |body: Value| {
        send_json(&app, Method::PATCH, "/api/admin/service-limits", &body).await.ok().json["limit"].clone()
    };
    let service = "SKIN_CARE";
    set(json!({"serviceType": service, "dailyLimit": 10, "dailyLimitMinutes": 100})).await;
    let kept = set(json!({"serviceType": service, "dailyLimit": 9})).await;
    assert_eq!((&kept["dailyLimit"], &kept["dailyLimitMinutes"]), (&json!(9), &json!(100)));
    let removed = set(json!({"serviceType": service, "dailyLimitMinutes": null})).await;
    assert_eq!((&removed["dailyLimit"], &removed["dailyLimitMinutes"]), (&json!(9), &Value::Null));
    let null = json!({"serviceType": service, "dailyLimit": null});
    let refused = send_json(&app, Method::PATCH, "/api/admin/service-limits", &null).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID_JSON"), "a count is always there");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_a_service_are_removed_by_null_and_its_own_name_never_is() {
    let app = app_on("legacy").await;
    let change = async |body: Value| send_json(&app, Method::PATCH, "/api/admin/services", &body).await;
    let id = "srv_skin_care";
    change(json!({"id": id, "nameEn": "Skin care", "description": "60 min"})).await.ok();
    let removed = change(json!({"id": id, "nameEn": null, "description": null})).await.ok();
    let service = &removed.json["service"];
    assert_eq!((&service["nameEn"], &service["description"]), (&Value::Null, &Value::Null));
    for wrong in [json!(""), json!(" "), Value::Null] {
        let refused = change(json!({"id": id, "name": wrong})).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_have_their_names_in_the_requested_language() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let named = json!({"id": "srv_wrinkle_botox", "nameEn": "Botox"});
        send_json(&app, Method::PATCH, "/api/admin/services", &named).await.ok();
        book(&app, &form()).await.ok();
        app.clinic.wait_for_views().await.unwrap();
        for (language, name) in [("ko", "주름/보톡스"), ("en", "Botox")] {
            let body = json!({"phone": "010-1234-5678", "birth_date": "1990-01-01"});
            let own = send(app.post(CHECK).header("accept-language", language).json(&body)).await.ok();
            assert_eq!(own.json["reservations"][0]["service_name"], name, "{model}");
            for (path, at) in [
                ("time-slots?service=WRINKLE_BOTOX&date=2026-12-02", "/metadata/serviceName"),
                ("availability?serviceType=WRINKLE_BOTOX&date=2026-12-02", "/serviceName"),
            ] {
                let request = app.get(&format!("/api/public/reservations/{path}"));
                let seen = send(request.header("accept-language", language)).await.ok();
                assert_eq!(seen.json.pointer(at), Some(&json!(name)), "{model} {path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_with_a_key_is_made_once_and_its_answer_says_whether_it_still_holds() {
    let app = app_on("legacy").await;
    let close = async |body: &Value| {
        let request = crate::client::staff_request(&app, daybook_api::Role::Admin, Method::POST, CLOSE);
        send(request.header("Idempotency-Key", "close-1").json(body)).await
    };
    let body = json!({"date": "2026-12-01", "startTime": "09:00", "endTime": "12:00", "reason": "점검"});
    let first = close(&body).await.ok();
    assert_eq!(close(&body).await.ok().json, first.json);
    for (field, other) in [("endTime", "11:00"), ("date", "2026-12-02"), ("reason", "회의")] {
        let mut changed = body.clone();
        changed[field] = json!(other);
        let refused = close(&changed).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (422, "IDEMPOTENCY_KEY_REUSED"), "{field}");
    }
    let other = daybook_tests::app::token("other", daybook_api::Role::Admin).unwrap();
    let request = app.post(CLOSE).bearer_auth(other).header("Idempotency-Key", "close-1");
    let of_another = send(request.json(&body)).await.ok().json["closure"].clone();
    assert_eq!(of_another["createdBy"], "other");
    let id = of_another["id"].as_str().unwrap();
    let path = format!("{CLOSE}?id={id}&date=2026-12-01");
    send_json(&app, Method::DELETE, &path, &json!({})).await.ok();
    let id = first.json["closure"]["id"].as_str().unwrap();
    assert_ne!(of_another["id"], id);
    let path = format!("{CLOSE}?id={id}&date=2026-12-01");
    send_json(&app, Method::DELETE, &path, &json!({})).await.ok();
    assert_eq!(close(&body).await.ok().json["closure"]["isActive"], false);
    book(&app, &form()).await.ok();
}
