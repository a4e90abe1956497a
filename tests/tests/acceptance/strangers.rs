//! The bounds on strangers that a service has without any setting, also after a restart.

use daybook_tests::process::{Installation, Service};
use serde_json::json;

use crate::client::{RESERVATIONS, Response, client, form, send, working_day};

/// The harness turns the bounds off; an empty value counts as unset.
const DEFAULTS: [(&str, &str); 1] = [("DAYBOOK_BOOKING_BOUNDS", "")];

async fn book(service: &Service, week: usize) -> Response {
    let form = form(1, "SKIN_CARE", working_day(week * 5), "09:00");
    send(client().post(service.url(RESERVATIONS)).header("X-Forwarded-For", "198.51.100.7").json(&form))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_bounds_strangers_by_default_and_keeps_counting_after_a_kill() {
    let clinic = Installation::open().await.unwrap();
    let (mut one, other) =
        (clinic.serve_with(&DEFAULTS).await.unwrap(), clinic.serve_with(&DEFAULTS).await.unwrap());
    for week in 0..5 {
        book(&one, week).await.ok();
    }
    assert_eq!(book(&one, 5).await.code(), "PATIENT_LIMIT_REACHED");
    let mut relative = form(1, "SKIN_CARE", working_day(30), "09:00");
    relative["birth_date"] = json!("2015-05-05");
    send(client().post(other.url(RESERVATIONS)).json(&relative)).await.unwrap().ok();
    one.kill().await.unwrap();
    let again = clinic.serve_with(&DEFAULTS).await.unwrap();
    assert_eq!(book(&again, 5).await.code(), "PATIENT_LIMIT_REACHED");
    let log = again.output();
    let warnings = log.lines().filter(|line| line.contains("DAYBOOK_TRUSTED_PROXIES")).count();
    assert_eq!(warnings, 1, "{log}");
    assert!(!log.contains("198.51.100.7"), "{log}");
}
