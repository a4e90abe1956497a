//! The data of booking pages: services, start times, availability and the month, by the rule set that would decide.

use chrono::{Datelike, Weekday};
use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Response, app_on, book, form, form_with, observed, send, send_json};

async fn get_public(app: &App, path: &str) -> Response {
    send(observed(app.get(&format!("/api/public/{path}")))).await.ok()
}

/// A clinic with one booking, on December 1 at 10:00.
async fn booked(model: &str) -> App {
    let app = app_on(model).await;
    book(&app, &form()).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_listed_in_order_with_their_minutes() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let listed = get_public(&app, "services").await;
        assert_eq!(listed.header("daybook-read-model"), model);
        // Both models list the same six services.
        insta::assert_json_snapshot!("services", listed.json);
        let one = get_public(&app, "services?code=SKIN_CARE").await;
        assert_eq!((&one.json["count"], &one.json["services"][0]["totalMinutes"]), (&json!(1), &json!(70)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_service_is_listed_only_on_request() {
    let app = app_on("legacy").await;
    let gone = send_json(&app, Method::DELETE, "/api/admin/services?id=srv_body_care", &json!({})).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    assert_eq!(gone.json["changes"][0]["field"], "isActive");
    assert_eq!(get_public(&app, "services").await.json["count"], 5);
    assert_eq!(get_public(&app, "services?active=false").await.json["count"], 6);
    let refused = book(&app, &form_with(json!({"service": "BODY_CARE"}))).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "SERVICE_INACTIVE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_times_of_a_day_show_which_seats_are_taken() {
    for model in ["legacy", "dynamic"] {
        let app = booked(model).await;
        let path = "reservations/time-slots?service=WRINKLE_BOTOX&date=2026-12-01";
        let slots = get_public(&app, path).await;
        insta::assert_json_snapshot!(format!("time_slots_{model}"), slots.json);
    }
}

/// The weekdays of December, which all have the same hours.
fn working_days() -> impl Iterator<Item = String> {
    let day = |day: u32| chrono::NaiveDate::from_ymd_opt(2026, 12, day).unwrap();
    let is_working = |date: &chrono::NaiveDate| !matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    (1..=31).map(day).filter(is_working).map(|date| date.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_available_times_can_be_booked() {
    for model in ["legacy", "dynamic"] {
        let app = booked(model).await;
        let path = "reservations/time-slots?service=SKIN_CARE&date=2026-12-01";
        let slots = get_public(&app, path).await.json["slots"].as_array().unwrap().clone();
        assert!(slots.len() >= 10);
        // Each time is tried on its own day, on which only 10:00 is booked.
        for (slot, day) in slots.iter().zip(working_days().skip(1)) {
            let ten = json!({"preferred_date": day, "phone": "010-1111-2222"});
            book(&app, &form_with(ten)).await.ok();
            let wanted =
                json!({"service": "SKIN_CARE", "preferred_date": day, "preferred_time": slot["time"]});
            let outcome = book(&app, &form_with(wanted)).await;
            assert_eq!(outcome.status == 200, slot["available"] == Value::Bool(true), "{model} {slot}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn availability_has_a_form_with_slots_and_an_older_form_with_counts() {
    let app = booked("legacy").await;
    let mut with_slots =
        get_public(&app, "reservations/availability?date=2026-12-01&serviceType=WRINKLE_BOTOX").await.json;
    assert_eq!(with_slots["slots"].as_array().unwrap().len(), 12);
    with_slots["slots"] = json!("[as of time-slots]");
    insta::assert_json_snapshot!("availability_rich", with_slots);
    let count =
        get_public(&app, "reservations/availability?date=2026-12-01&service=WRINKLE_BOTOX").await.json;
    insta::assert_json_snapshot!("availability_count", count);
    let closed =
        get_public(&app, "reservations/availability?date=2026-12-06&serviceType=WRINKLE_BOTOX").await.json;
    assert_eq!(
        (&closed["available"], &closed["message"]),
        (&json!(false), &json!("해당 날짜는 휴진일입니다."))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_shows_which_days_can_be_booked() {
    for model in ["legacy", "dynamic"] {
        let app = booked(model).await;
        let closure = json!({"date": "2026-12-02", "startTime": "09:00", "endTime": "18:00"});
        send_json(&app, Method::POST, "/api/admin/manual-close", &closure).await.ok();
        app.clinic.wait_for_views().await.unwrap();
        let month = get_public(&app, "reservation-status?year=2026&month=12").await.json;
        let days = month["days"].as_array().unwrap();
        let status = |day: usize| days[day - 1]["status"].as_str().unwrap();
        assert_eq!(days.len(), 31);
        assert_eq!(
            (status(1), status(2), status(5), status(6)),
            ("available", "full", "available", "closed")
        );
        assert_eq!(
            month["summary"],
            json!({"available": 26, "full": 1, "closed": 4, "totalReservations": 1})
        );
        insta::assert_json_snapshot!(format!("day_of_month_{model}"), days[0]);
        let off = json!({"id": form()["service"], "isActive": false});
        send_json(&app, Method::PATCH, "/api/admin/services", &off).await.ok();
        app.clinic.wait_for_views().await.unwrap();
        let month = get_public(&app, "reservation-status?year=2026&month=12").await.json;
        assert_eq!(month["summary"]["totalReservations"], 1, "its bookings are still there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn english_clients_get_english_texts() {
    let app = booked("legacy").await;
    let path = "/api/public/reservations/availability?date=2026-12-01&serviceType=OTHER_CONSULTATION";
    let english = send(app.get(path).header("accept-language", "en-GB,en;q=0.8")).await.ok();
    assert_eq!(english.json["message"], "Reservations can be made.");
    let services = send(app.get("/api/public/services").header("accept-language", "en")).await.ok();
    assert_eq!(services.json["services"][2]["name"], "Skin care");
}
