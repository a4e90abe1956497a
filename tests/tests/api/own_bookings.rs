//! A client without positions sees what it has booked, closed or changed with its next request.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{
    app_in_step, app_that_falls_behind, book, form_with, get, reservation_id, send, send_json,
};
use reqwest::Method;

/// A working day of December 2026.
fn day(number: usize) -> String {
    format!("2026-12-{:02}", [1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18][number])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seat_just_taken_is_no_longer_free_and_a_change_is_listed_at_once() {
    for model in ["legacy", "dynamic"] {
        let app = app_in_step(model).await;
        for number in 0..14 {
            let date = day(number);
            let fields = json!({"preferred_date": date, "preferred_time": "09:00", "phone": format!("010-1234-{number:04}")});
            let id = reservation_id(&book(&app, &form_with(fields)).await.ok());
            let slots = send(
                app.get(&format!("/api/public/reservations/time-slots?service=WRINKLE_BOTOX&date={date}")),
            )
            .await
            .ok();
            let first =
                slots.json["slots"].as_array().unwrap().iter().find(|slot| slot["time"] == "09:00").cloned();
            assert_eq!(first.unwrap()["available"], Value::Bool(false), "{model} {date}");
            let confirmed = json!({"status": "CONFIRMED"});
            send_json(&app, Method::PATCH, &format!("/api/reservations/{id}"), &confirmed).await.ok();
            let listed = get(&app, &format!("/api/reservations?date={date}&status=CONFIRMED")).await.ok();
            assert_eq!(listed.json["pagination"]["total"], 1, "{model} {date}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_stands_still_delays_one_booking_and_not_those_after_it() {
    let app = app_that_falls_behind(TimeDelta::zero()).await;
    let since = Instant::now();
    for number in 0..14 {
        let fields = json!({"preferred_date": day(number), "phone": format!("010-1234-{number:04}")});
        book(&app, &form_with(fields)).await.ok();
    }
    // Fourteen waits would take at least three and a half seconds.
    assert!(since.elapsed() < Duration::from_millis(3400), "{:?}", since.elapsed());
}
