//! A change says which bookings it concerns: closures, hours, services that are switched off, and lower limits.

use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{app_on, book, form_with, reservation_id, send_json, set_share};

async fn booked(app: &App, more: Value) -> String {
    reservation_id(&book(app, &form_with(more)).await.ok())
}

async fn change(app: &App, method: Method, path: &str, body: Value) -> Value {
    send_json(app, method, path, &body).await.ok().json
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|booking| booking["id"].as_str().unwrap()).collect()
}

const CLOSE: &str = "/api/admin/manual-close";

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_concerns_half_days_and_unread_times_at_once() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let afternoon = booked(&app, json!({"preferred_time": null, "period": "AFTERNOON"})).await;
        let timed = booked(&app, json!({"preferred_time": "10:00"})).await;
        let unread = booked(&app, json!({"preferred_time": "퇴근하고요"})).await;
        let check = async |start: &str, end: &str| {
            let body =
                json!({"action": "check-conflict", "date": "2026-12-01", "startTime": start, "endTime": end});
            change(&app, Method::POST, CLOSE, body).await
        };
        // Nothing waits for a view: the bookings come from the log.
        let whole_day = check("00:00", "24:00").await;
        assert_eq!((&whole_day["hasConflict"], &whole_day["conflictCount"]), (&json!(true), &json!(3)));
        let mut all = ids(&whole_day["conflicts"]);
        all.sort_unstable();
        let mut expected = [afternoon.as_str(), timed.as_str(), unread.as_str()];
        expected.sort_unstable();
        assert_eq!(all, expected);
        let late = check("17:00", "18:00").await;
        assert_eq!(ids(&late["conflicts"]), [unread.as_str(), afternoon.as_str()], "{late}");
        let half_day = &late["conflicts"][1];
        assert_eq!((&half_day["period"], &half_day["startTime"]), (&json!("AFTERNOON"), &Value::Null));
        assert_eq!(late["conflicts"][0]["needsReview"], true);
        let noon = check("12:30", "13:00").await;
        assert_eq!(ids(&noon["conflicts"]), [unread.as_str()], "outside the hours of the half-day");
        let closed = json!({"date": "2026-12-01", "period": "AFTERNOON"});
        let closed = change(&app, Method::POST, CLOSE, closed).await;
        assert_eq!((ids(&closed["conflicts"]).len(), &closed["conflictCount"]), (2, &json!(2)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_that_are_taken_away_concern_the_bookings_in_them() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let afternoon = booked(&app, json!({"preferred_time": null, "period": "AFTERNOON"})).await;
        let late = booked(&app, json!({"preferred_time": "16:30"})).await;
        let next_week =
            booked(&app, json!({"preferred_date": "2026-12-08", "preferred_time": "11:00"})).await;
        booked(&app, json!({"preferred_date": "2026-12-02", "preferred_time": "16:30"})).await;
        booked(&app, json!({"preferred_time": "09:00"})).await;
        let set = async |slots: Value| {
            change(&app, Method::PUT, "/api/admin/clinic-hours", json!({"dayOfWeek": 2, "slots": slots}))
                .await
        };
        let slot = |period: &str, start: &str, end: &str| json!({"period": period, "startTime": start, "endTime": end});
        let same = set(json!([slot("MORNING", "09:00", "12:00"), slot("AFTERNOON", "14:00", "18:00")])).await;
        assert_eq!((&same["affectedCount"], &same["affectedBookings"]), (&json!(0), &json!([])), "{model}");
        // The treatment of 40 minutes at 16:30 would end after the clinic closes.
        let earlier =
            set(json!([slot("MORNING", "09:00", "11:30"), slot("AFTERNOON", "14:00", "17:00")])).await;
        assert_eq!(ids(&earlier["affectedBookings"]), [late.as_str(), next_week.as_str()], "{model}");
        assert_eq!(earlier["affectedBookings"][0]["date"], "2026-12-01");
        let morning_only = set(json!([slot("MORNING", "09:00", "11:30")])).await;
        assert_eq!(ids(&morning_only["affectedBookings"]), [afternoon.as_str()], "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_seats_concern_the_bookings_that_share_them() {
    let app = app_on("legacy").await;
    let set = async |seats: u32| {
        let slot =
            json!({"period": "MORNING", "startTime": "09:00", "endTime": "12:00", "maxConcurrent": seats});
        change(&app, Method::PUT, "/api/admin/clinic-hours", json!({"dayOfWeek": 2, "slots": [slot]})).await
    };
    set(2).await;
    let one = booked(&app, json!({"preferred_time": "10:00"})).await;
    let other = booked(&app, json!({"preferred_time": "10:20", "phone": "010-2222-3333"})).await;
    booked(&app, json!({"preferred_time": "11:00", "phone": "010-2222-4444"})).await;
    assert_eq!(ids(&set(1).await["affectedBookings"]), [one.as_str(), other.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_switched_off_lists_its_open_bookings() {
    for model in ["legacy", "dynamic"] {
        let app = app_on("dynamic").await;
        let new = json!({"code": "LASER_TONING", "name": "레이저 토닝", "durationMinutes": 30});
        change(&app, Method::POST, "/api/admin/services", new).await;
        let laser = |time: &str| json!({"service": "LASER_TONING", "preferred_time": time});
        let (first, second) = (booked(&app, laser("09:00")).await, booked(&app, laser("오후")).await);
        let cancelled = booked(&app, laser("11:00")).await;
        let path = format!("/api/reservations/{cancelled}");
        change(&app, Method::PATCH, &path, json!({"status": "CANCELLED"})).await;
        booked(&app, json!({"preferred_time": "10:00"})).await;
        // The legacy view shows them as bookings of another service.
        set_share(&app, if model == "legacy" { 0.0 } else { 100.0 }).await;
        let renamed = json!({"id": "srv_laser_toning", "nameEn": "Laser"});
        let renamed = change(&app, Method::PATCH, "/api/admin/services", renamed).await;
        assert_eq!(renamed["cascadeEffects"], json!([]));
        let off = change(&app, Method::DELETE, "/api/admin/services?id=srv_laser_toning", json!({})).await;
        assert_eq!(ids(&off["cascadeEffects"]), [first.as_str(), second.as_str()], "{model}");
        assert_eq!(off["cascadeEffectCount"], 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_limit_concerns_the_days_that_are_over_it() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let skin = |date: &str, time: &str| json!({"service": "SKIN_CARE", "preferred_date": date, "preferred_time": time});
        let over = [
            booked(&app, skin("2026-12-01", "09:00")).await,
            booked(&app, skin("2026-12-01", "14:00")).await,
        ];
        booked(&app, skin("2026-12-02", "09:00")).await;
        let set = async |limit: Value| change(&app, Method::PUT, "/api/admin/service-limits", limit).await;
        let lower = set(json!({"serviceType": "SKIN_CARE", "dailyLimit": 1})).await;
        assert_eq!(ids(&lower["affectedBookings"]), over, "{model}");
        let higher = set(json!({"serviceType": "SKIN_CARE", "dailyLimit": 10})).await;
        assert_eq!(higher["affectedCount"], 0);
        let minutes = set(json!({"serviceType": "SKIN_CARE", "dailyLimitMinutes": 100})).await;
        assert_eq!((ids(&minutes["affectedBookings"]).len(), &minutes["affectedCount"]), (2, &json!(2)));
    }
}
