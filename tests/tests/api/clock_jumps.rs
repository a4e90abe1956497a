//! The clock of the machine jumps by more than a year, in both directions, while people book and the desk works.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use daybook_api::Role;
use daybook_commands::{Clock, Commands, Settings, StrangerBounds};
use daybook_domain::ClinicZone;
use daybook_projections::verify;
use daybook_tests::app::{App, token_at};
use daybook_tests::clinic::Clinic;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::client::{Response, form_with, reservation_id, send};

/// Where the clock stands before each round, in days from its first time.
const JUMPS: [i64; 7] = [0, 400, 0, -400, 1, 400, 2];

/// Bookings in each round.
const BOOKINGS: usize = 12;

const FIRST: &str = "2026-11-20T01:00:00Z";

/// A clock that the test sets.
#[derive(Debug)]
struct SetClock(Mutex<DateTime<Utc>>);

impl SetClock {
    fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing fails inside Daybook, whatever the time is.
async fn answer(request: RequestBuilder) -> Response {
    let response = send(request).await;
    assert!(response.status.as_u16() < 500, "{} {}", response.status, response.json);
    response
}

fn staff(app: &App, now: DateTime<Utc>, method: Method, path: &str) -> RequestBuilder {
    app.request(method, path).bearer_auth(token_at(now, "desk", Role::Admin, None).unwrap())
}

fn booking(number: usize, day: NaiveDate) -> Value {
    form_with(json!({
        "phone": format!("010-7000-{number:04}"), "preferred_date": day, "preferred_time": "10:00",
        "service": "OTHER_CONSULTATION",
    }))
}

/// A round of work at one time. Returns the acknowledged bookings.
async fn round(app: &App, number: usize, now: DateTime<Utc>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for booking_number in 0..BOOKINGS {
        // Each round has days of its own, as far as the clock allows.
        let day = (now + TimeDelta::days(7 + (number * BOOKINGS + booking_number) as i64)).date_naive();
        let form = booking(number * BOOKINGS + booking_number, day);
        let request = app
            .post("/api/public/reservations")
            .header("idempotency-key", format!("{number}-{booking_number}"));
        let response = answer(request.json(&form)).await;
        if response.status == 200 {
            acknowledged.push(reservation_id(&response));
        }
    }
    for path in ["/api/reservations", "/api/admin/manual-close?date=2026-12-01", "/api/admin/read-model"] {
        answer(staff(app, now, Method::GET, path)).await.ok();
    }
    if let Some(id) = acknowledged.first() {
        let confirm = json!({"status": "CONFIRMED"});
        answer(staff(app, now, Method::PATCH, &format!("/api/reservations/{id}")).json(&confirm)).await.ok();
    }
    let lookup = json!({"phone": format!("010-7000-{:04}", number * BOOKINGS), "birth_date": "1990-01-01"});
    answer(app.post("/api/public/reservations/check").json(&lookup)).await;
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn jumps_of_400_days_lose_and_repeat_no_booking() {
    let first: DateTime<Utc> = FIRST.parse().unwrap();
    let clock = Arc::new(SetClock(Mutex::new(first)));
    let mut clinic = Clinic::open().await.unwrap();
    let settings = Settings { zone: ClinicZone::SEOUL, clock: clock.clone(), bounds: StrangerBounds::NONE };
    clinic.commands = Commands::open(clinic.log.clone(), clinic.vault.clone(), settings).await.unwrap();
    let app = App::with_clock(clinic, clock.clone()).await.unwrap();
    let mut acknowledged = Vec::new();
    for (number, days) in JUMPS.into_iter().enumerate() {
        let now = first + TimeDelta::days(days);
        clock.set(now);
        acknowledged.extend(round(&app, number, now).await);
    }
    assert!(acknowledged.len() > JUMPS.len() * BOOKINGS / 2, "{}", acknowledged.len());
    app.clinic.wait_for_views().await.unwrap();
    let expected: BTreeSet<String> = acknowledged.iter().cloned().collect();
    assert_eq!(expected.len(), acknowledged.len(), "an id was given twice");
    let database = app.clinic.database.connect().await.unwrap();
    for view in ["legacy_1", "dynamic_1"] {
        let rows = database.query(&format!("SELECT id FROM {view}.reservations"), &[]).await.unwrap();
        let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(found.len(), expected.len(), "{view}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "{view}");
    }
    // `verify` builds the views anew from the log and compares them.
    let verdict = verify(app.clinic.log.as_ref(), &app.clinic.vault, &app.clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
}
