//! Two hundred concurrent clients compete for one free place.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybook_tests::process::{Installation, LogKind, Service};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::client::{RESERVATIONS, Response, client, form, send, wait_until, working_day};
use crate::tables::{VIEWS, ids};

/// Clients that request the last place.
const CLIENTS: usize = 200;

/// The daily limit of one service.
const DAILY_LIMIT: usize = 10;

/// Sends all forms at the same time, each on its own connection.
async fn send_concurrently(service: &Service, forms: Vec<Value>) -> Vec<Response> {
    let start = Arc::new(Barrier::new(forms.len()));
    let one = |form: Value| {
        let (request, start) = (client().post(service.url(RESERVATIONS)).json(&form), Arc::clone(&start));
        async move {
            start.wait().await;
            send(request).await.expect("a response")
        }
    };
    forms.into_iter().map(one).collect::<JoinSet<_>>().join_all().await
}

/// The number of responses by status and code.
fn count(responses: &[Response]) -> BTreeMap<(u16, &str), usize> {
    let mut counts = BTreeMap::new();
    for response in responses {
        *counts.entry((response.status, response.code())).or_default() += 1;
    }
    counts
}

/// Waits until both views hold this many reservations. They must never hold more.
async fn wait_for_reservations(clinic: &Installation, reservations: usize) {
    let database = clinic.connect().await.unwrap();
    for view in VIEWS {
        wait_until("both views to hold the reservations", async || match ids(&database, view).await.len() {
            count if count == reservations => Ok(()),
            count => Err(format!("{count} reservations in {view}")),
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_concurrent_requests_for_one_time_exactly_one_is_accepted() {
    race_for_one_time(LogKind::Database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_log_in_event_store_db_exactly_one_concurrent_request_is_accepted() {
    race_for_one_time(LogKind::EventStoreDb).await;
}

async fn race_for_one_time(log: LogKind) {
    let clinic = Installation::open_on(log).await.unwrap();
    let service = clinic.serve().await.unwrap();
    let day = working_day(0);
    let forms = (0..CLIENTS).map(|patient| form(patient, "WRINKLE_BOTOX", day, "10:00")).collect();
    let responses = send_concurrently(&service, forms).await;
    let expected = BTreeMap::from([((200, ""), 1), ((409, "TIME_SLOT_FULL"), CLIENTS - 1)]);
    assert_eq!(count(&responses), expected);
    wait_for_reservations(&clinic, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_concurrent_requests_for_the_last_booking_of_a_day_exactly_one_is_accepted() {
    let clinic = Installation::open().await.unwrap();
    let service = clinic.serve().await.unwrap();
    // By half-day, so that only the daily limit applies, and no seat.
    let by_period = |patient| {
        let mut form = form(patient, "SKIN_CARE", working_day(1), "");
        let fields = form.as_object_mut().unwrap();
        fields.remove("preferred_time");
        fields.insert("period".to_owned(), json!("AFTERNOON"));
        form
    };
    for patient in 0..DAILY_LIMIT - 1 {
        send(client().post(service.url(RESERVATIONS)).json(&by_period(patient))).await.unwrap().ok();
    }
    let forms = (DAILY_LIMIT..DAILY_LIMIT + CLIENTS).map(by_period).collect();
    let responses = send_concurrently(&service, forms).await;
    let expected = BTreeMap::from([((200, ""), 1), ((409, "RESERVATION_FULL"), CLIENTS - 1)]);
    assert_eq!(count(&responses), expected);
    wait_for_reservations(&clinic, DAILY_LIMIT).await;
}
