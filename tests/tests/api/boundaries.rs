//! Half-days that closures fill, stretches that meet, midnight and the rest of today: what is listed can be booked.

use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Response, app_on, book, form_with, get, reservation_id, send, send_json, set_share};

/// A Tuesday.
const DATE: &str = "2026-12-01";

async fn set_hours(app: &App, day: u8, slots: Value) {
    let body = json!({"dayOfWeek": day, "slots": slots});
    send_json(app, Method::PUT, "/api/admin/clinic-hours", &body).await.ok();
    app.clinic.wait_for_views().await.unwrap();
}

async fn close(app: &App, start: &str, end: &str) {
    let body = json!({"date": DATE, "startTime": start, "endTime": end});
    send_json(app, Method::POST, "/api/admin/manual-close", &body).await.ok();
}

async fn book_at(app: &App, service: &str, time: &str) -> Response {
    book(app, &form_with(json!({"service": service, "preferred_time": time}))).await
}

async fn book_half(app: &App, date: &str, period: &str) -> Response {
    let fields = json!({"preferred_date": date, "preferred_time": null, "period": period});
    book(app, &form_with(fields)).await
}

/// The start times that are listed as available.
async fn available(app: &App, service: &str) -> Vec<String> {
    app.clinic.wait_for_views().await.unwrap();
    let path = format!("/api/public/reservations/time-slots?service={service}&date={DATE}");
    let listed = get(app, &path).await.ok();
    let slots = listed.json["slots"].as_array().unwrap().iter().filter(|slot| slot["available"] == true);
    slots.map(|slot| slot["time"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_that_is_closed_in_two_pieces_cannot_be_booked() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        close(&app, "14:00", "16:00").await;
        book_half(&app, DATE, "AFTERNOON").await.ok();
        close(&app, "16:00", "18:00").await;
        let refused = book_half(&app, DATE, "AFTERNOON").await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "TIME_SLOT_MANUALLY_CLOSED"), "{model}");
        book_half(&app, DATE, "MORNING").await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_runs_into_a_stretch_without_a_free_seat_is_refused() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let slots = json!([
            {"period": "MORNING", "startTime": "09:00", "endTime": "12:00", "maxConcurrent": 2},
            {"period": "AFTERNOON", "startTime": "12:00", "endTime": "15:00", "maxConcurrent": 1},
        ]);
        set_hours(&app, 2, slots).await;
        book_at(&app, "SKIN_CARE", "12:00").await.ok();
        assert_eq!(book_at(&app, "SKIN_CARE", "11:30").await.status, 409, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_to_midnight_list_and_take_only_what_ends_by_midnight() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        set_hours(&app, 2, json!([{"period": "AFTERNOON", "startTime": "20:00", "endTime": "24:00"}])).await;
        let listed = available(&app, "SKIN_CARE").await;
        assert_eq!(listed.last().map(String::as_str), Some("22:30"), "{model}");
        let refused = book_at(&app, "SKIN_CARE", "23:00").await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "TIME_SLOT_TOO_SHORT"), "{model}");
        book_at(&app, "SKIN_CARE", "22:30").await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_hour_of_a_day_is_listed_taken_and_shown() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        set_hours(&app, 2, json!([{"period": "MORNING", "startTime": "00:00", "endTime": "02:00"}])).await;
        assert_eq!(available(&app, "WRINKLE_BOTOX").await, ["00:00", "00:30", "01:00"], "{model}");
        let id = reservation_id(&book_at(&app, "WRINKLE_BOTOX", "00:30").await.ok());
        assert!(available(&app, "WRINKLE_BOTOX").await.is_empty(), "{model}");
        for (percent, shown) in [(0.0, "오전 00:30"), (100.0, "00:30")] {
            set_share(&app, percent).await;
            let seen = get(&app, &format!("/api/reservations/{id}")).await.ok();
            assert_eq!(seen.json["reservation"]["preferredTime"], shown, "{model}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_offered_start_is_booked_by_the_text_that_offers_it_and_shown_to_its_patient() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        set_hours(&app, 2, json!([{"period": "MORNING", "startTime": "00:00", "endTime": "08:00"}])).await;
        for start in ["00:30", "01:30", "03:00", "06:30"] {
            assert!(available(&app, "WRINKLE_BOTOX").await.contains(&start.to_owned()), "{model} {start}");
            let booked = book_at(&app, "WRINKLE_BOTOX", start).await.ok();
            let shown = &booked.json["reservation"];
            assert_eq!((&shown["preferred_time"], &shown["needsReview"]), (&json!(start), &Value::Null));
            assert!(!available(&app, "WRINKLE_BOTOX").await.contains(&start.to_owned()), "{model} {start}");
            let id = reservation_id(&booked);
            let own = json!({"phone": "010-1234-5678", "birth_date": "1990-01-01"});
            for percent in [0.0, 100.0] {
                set_share(&app, percent).await;
                let own = send(app.post("/api/public/reservations/check").json(&own)).await.ok();
                let mut own = own.json["reservations"].as_array().unwrap().iter();
                let own = &own.find(|own| own["id"] == json!(id)).unwrap()["preferred_time"];
                assert!(own.as_str().is_some_and(|text| text.ends_with(start)), "{own}");
            }
            let path = format!("/api/reservations/{id}");
            let stay = json!({"preferredTime": start, "timeSlotStart": start, "adminNotes": start});
            send_json(&app, Method::PATCH, &path, &stay).await.ok();
            send_json(&app, Method::PATCH, &path, &json!({"preferredTime": "07:00"})).await.ok();
            send_json(&app, Method::PATCH, &path, &json!({"preferredTime": start})).await.ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_that_may_be_of_the_afternoon_is_read_by_the_half_day_beside_it() {
    let app = app_on("dynamic").await;
    let booked = async |time: Value| {
        let booked = book(&app, &form_with(time)).await.ok();
        let booked = &booked.json["reservation"];
        (booked["preferred_time"].as_str().unwrap().to_owned(), booked["needsReview"] == true)
    };
    let at_two = json!({"preferred_time": "2:00", "period": "AFTERNOON"});
    assert_eq!(booked(at_two).await, ("오후 2:00".to_owned(), false));
    let at_four = json!({"preferred_time": "04:00", "period": "AFTERNOON"});
    assert_eq!(booked(at_four).await, ("오후 04:00".to_owned(), false));
    let evening = json!({"preferred_time": "퇴근 후", "period": "AFTERNOON"});
    assert_eq!(booked(evening).await, ("오후 퇴근 후".to_owned(), true), "the half-day reaches the desk");
    assert_eq!(booked(json!({"preferred_time": "2시"})).await, ("2시".to_owned(), true));
    for (start, text) in [("10:00", "2시"), ("10:00", "11시"), ("15:00", "2:00")] {
        let refused = book(&app, &form_with(json!({"time_slot_start": start, "preferred_time": text}))).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID_FIELD"), "{start} {text}");
    }
    let label = json!({"time_slot_start": "16:00", "preferred_time": "4시"});
    assert_eq!(book(&app, &form_with(label)).await.code(), "TIME_SLOT_FULL", "it is the same time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_today_is_refused_once_nothing_of_it_can_begin() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        // It is Friday, 10:00. The last start of 40 minutes was at 09:30.
        let today = "2026-11-20";
        set_hours(&app, 5, json!([{"period": "MORNING", "startTime": "09:00", "endTime": "10:30"}])).await;
        let refused = book_half(&app, today, "MORNING").await;
        assert_eq!(refused.code(), "TIME_IN_PAST", "{model}");
        for text in ["오전", "점심때쯤"] {
            let refused =
                book(&app, &form_with(json!({"preferred_date": today, "preferred_time": text}))).await;
            assert_eq!(refused.code(), "TIME_IN_PAST", "{model} {text}");
        }
    }
}
