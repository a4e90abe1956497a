//! A client that books and reads at once finds its booking, in whichever process and view it reads.

use daybook_tests::process::Installation;
use serde_json::Value;

use crate::client::{RESERVATIONS, client, form, get, send, working_day};

/// Bookings in each direction.
const ROUNDS: usize = 10;

const SERVICE: &str = "OTHER_CONSULTATION";

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_seen_at_once_by_a_client_of_another_process() {
    let clinic = Installation::open().await.unwrap();
    let (one, other) = (clinic.serve().await.unwrap(), clinic.serve().await.unwrap());
    let client = client();
    // The views of a new clinic need a moment until they follow the log.
    let first =
        send(client.post(one.url(RESERVATIONS)).json(&form(ROUNDS * 2, SERVICE, working_day(40), "09:00")));
    let position = first.await.unwrap().ok().position;
    for service in [&one, &other] {
        let services = client.get(service.url("/api/public/services")).header("daybook-at-least", &position);
        send(services).await.unwrap().ok();
    }
    for round in 0..2 * ROUNDS {
        let day = working_day(round);
        let (booked_at, read_at) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let form = form(round, SERVICE, day, "09:00");
        send(client.post(booked_at.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
        let path = format!("{RESERVATIONS}/time-slots?service={SERVICE}&date={day}");
        let slots = get(&client, read_at, &path).await.unwrap().ok().body;
        let first =
            slots["slots"].as_array().and_then(|slots| slots.iter().find(|slot| slot["time"] == "09:00"));
        assert_eq!(
            first.map(|slot| &slot["available"]),
            Some(&Value::Bool(false)),
            "round {round}: {first:?}"
        );
    }
}
