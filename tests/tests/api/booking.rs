//! Booking with the requests and responses of the old system's clients.

use daybook_api::Role;
use daybook_tests::app::spawn_app;
use reqwest::Method;
use serde_json::json;

use crate::client::{
    app_on, book, form, form_with, get, observed, reservation_id, send, send_json, staff_request,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_gets_the_old_response_and_appears_in_both_views() {
    let app = spawn_app().await.unwrap();
    let booked = send(observed(app.post("/api/public/reservations").json(&form()))).await.ok();
    insta::assert_json_snapshot!(booked.json, {".reservation.id" => "[id]"});
    assert_eq!(
        (booked.header("daybook-read-model"), booked.position()),
        ("legacy", app.clinic.log.head().await.unwrap())
    );
    app.clinic.wait_for_views().await.unwrap();
    let database = app.clinic.database.connect().await.unwrap();
    for view in ["legacy_1", "dynamic_1"] {
        let one = format!("SELECT \"patientName\" FROM {view}.reservations WHERE id = $1");
        let name: String = database.query_one(&one, &[&reservation_id(&booked)]).await.unwrap().get(0);
        assert_eq!(name, "홍길동", "{view}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_repeated_in_words_and_never_becomes_a_time() {
    let app = spawn_app().await.unwrap();
    let by_period = form_with(json!({"preferred_time": null, "period": "AFTERNOON"}));
    let booked = book(&app, &by_period).await.ok();
    assert_eq!(booked.json["reservation"]["preferred_time"], "오후");
    let by_start = form_with(json!({"preferred_time": null, "time_slot_start": "09:00"}));
    assert_eq!(book(&app, &by_start).await.ok().json["reservation"]["preferred_time"], "09:00");
    app.clinic.wait_for_views().await.unwrap();
    let seen = get(&app, &format!("/api/reservations/{}", reservation_id(&booked))).await.ok();
    assert_eq!(seen.json["reservation"]["preferredTime"], "오후");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_found_by_code_or_by_id() {
    let app = spawn_app().await.unwrap();
    book(&app, &form_with(json!({"service": "srv_skin_care"}))).await.ok();
    let by_id = json!({"service": null, "service_id": "srv_body_care", "preferred_time": "15:00"});
    book(&app, &form_with(by_id)).await.ok();
    let page = app.clinic.commands.day_schedule("2026-12-01".parse().unwrap()).await.unwrap();
    let mut services: Vec<_> = page.bookings().map(|(_, booking)| booking.service.to_string()).collect();
    services.sort();
    assert_eq!(services, ["srv_body_care", "srv_skin_care"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_seat_is_refused_at_once_with_suggested_times() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        book(&app, &form()).await.ok();
        let refused = book(&app, &form_with(json!({"phone": "010-2222-3333"}))).await;
        assert_eq!(refused.status, 409);
        insta::assert_json_snapshot!(format!("a_taken_seat_{model}"), refused.json, {".requestId" => "[id]"});
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_with_the_same_key_is_one_booking() {
    let app = spawn_app().await.unwrap();
    let book_with_key = async |form| {
        let request = app.post("/api/public/reservations").header("Idempotency-Key", "tap-1");
        send(request.json(&form)).await
    };
    let (first, again) = (book_with_key(form()).await.ok(), book_with_key(form()).await.ok());
    assert_eq!((reservation_id(&first), first.json), (reservation_id(&again), again.json));
    let other = book_with_key(form_with(json!({"service": "SKIN_CARE", "preferred_time": "15:00"}))).await;
    assert_eq!((other.status.as_u16(), other.code()), (422, "IDEMPOTENCY_KEY_REUSED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_its_daily_count_a_service_is_full_under_legacy_rules() {
    let app = spawn_app().await.unwrap();
    let limit = json!({"serviceType": "SKIN_CARE", "dailyLimit": 1});
    send_json(&app, Method::PUT, "/api/admin/service-limits", &limit).await.ok();
    let at = |time: &str, phone: &str| {
        form_with(json!({"service": "SKIN_CARE", "preferred_time": time, "phone": phone}))
    };
    book(&app, &at("09:00", "010-1111-0001")).await.ok();
    let refused = book(&app, &at("15:00", "010-1111-0002")).await;
    assert_eq!(refused.status, 409);
    insta::assert_json_snapshot!(refused.json, {".requestId" => "[id]"});
}

#[tokio::test(flavor = "multi_thread")]
async fn past_its_daily_minutes_a_service_is_full_under_dynamic_rules() {
    let app = app_on("dynamic").await;
    let limit = json!({"serviceType": "SKIN_CARE", "dailyLimit": 10, "dailyLimitMinutes": 100});
    send_json(&app, Method::PUT, "/api/admin/service-limits", &limit).await.ok();
    let at = |time: &str| form_with(json!({"service": "SKIN_CARE", "preferred_time": time}));
    book(&app, &at("09:00")).await.ok();
    let refused = book(&app, &at("15:00")).await;
    assert_eq!(refused.status, 409);
    insta::assert_json_snapshot!(refused.json, {".requestId" => "[id]"});
}

#[tokio::test(flavor = "multi_thread")]
async fn a_treatment_that_does_not_end_before_the_clinic_closes_is_refused_under_dynamic_rules() {
    let app = app_on("dynamic").await;
    let refused = book(&app, &form_with(json!({"preferred_time": "17:30"}))).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "TIME_SLOT_TOO_SHORT"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_time_is_refused_with_the_reason_of_the_staff() {
    let app = spawn_app().await.unwrap();
    let closure =
        json!({"date": "2026-12-01", "startTime": "09:00", "endTime": "12:00", "reason": "학회 참석"});
    send_json(&app, Method::POST, "/api/admin/manual-close", &closure).await.ok();
    let refused = book(&app, &form()).await;
    assert_eq!(refused.status, 409);
    insta::assert_json_snapshot!(refused.json, {".requestId" => "[id]"});
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_concurrent_posts_for_one_seat_give_one_booking_and_no_error() {
    let app = std::sync::Arc::new(spawn_app().await.unwrap());
    let posts = (0..200).map(|n| {
        let app = app.clone();
        tokio::spawn(async move {
            let form = form_with(json!({"phone": format!("010-3000-{n:04}")}));
            book(&app, &form).await.status.as_u16()
        })
    });
    let mut statuses = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        statuses.push(post.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 199, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_with_an_unreadable_time_is_accepted_for_review() {
    let app = spawn_app().await.unwrap();
    let booked = book(&app, &form_with(json!({"preferred_time": "퇴근하고요"}))).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    let path = format!("/api/reservations/{}", reservation_id(&booked));
    let seen = send(staff_request(&app, Role::Editor, Method::GET, &path)).await.ok();
    assert_eq!(seen.json["reservation"]["preferredTime"], "퇴근하고요");
}
