//! Whether the duration of a lookup tells that a number is known.

use std::time::{Duration, Instant};

use daybook_tests::process::{Installation, Service};
use futures_util::StreamExt;
use reqwest::Client;
use serde_json::json;

use crate::client::{RESERVATIONS, form, send, working_day};

/// Lookups of each kind.
const LOOKUPS: usize = 2_000;

/// Lookups of one number: the bound of guesses at one patient.
const PER_NUMBER: usize = 10;

/// Lookups at a time.
const CLIENTS: usize = 16;

/// How far the chance that a lookup of a known number takes longer than one of an unknown number may be from one half. Chance
/// alone gives 0.009 for so many lookups.
const MAX_SEPARATION: f64 = 0.04;

/// Start times of different bookings of one day.
const STARTS: [&str; 5] = ["09:00", "10:00", "11:00", "14:00", "15:00"];

/// Looks a number up with a wrong birth date, from a network of its own.
async fn look_up(client: &Client, service: &Service, number: usize) -> (bool, Duration) {
    let is_known = number.is_multiple_of(2);
    let patient = number / 2 / PER_NUMBER + if is_known { 0 } else { LOOKUPS };
    let phone = form(patient, "", working_day(0), "")["phone"].clone();
    let body = json!({"phone": phone, "birth_date": "1951-02-03"});
    let from = format!("198.{}.{}.{}", 18 + number / 65_536, number / 256 % 256, number % 256);
    let request = client.post(service.url("/api/public/reservations/check")).header("x-forwarded-for", from);
    let begun = Instant::now();
    let response = send(request.json(&body)).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(response.ok().body["count"], 0);
    (is_known, took)
}

/// The chance that one of the first takes longer than one of the second: 0.5 if nothing separates them. This is the statistic
/// of Mann and Whitney divided by the number of pairs.
fn separation(first: &[Duration], second: &[Duration]) -> f64 {
    let mut second = second.to_vec();
    second.sort_unstable();
    let longer = |one: &Duration| {
        let (shorter, up_to) =
            (second.partition_point(|other| other < one), second.partition_point(|other| other <= one));
        (shorter + up_to) as f64 / 2.0
    };
    first.iter().map(longer).sum::<f64>() / (first.len() * second.len()) as f64
}

fn median(durations: &[Duration]) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_duration_of_a_lookup_does_not_tell_whether_a_number_is_known() {
    let clinic = Installation::open_alone().await.unwrap();
    let service = clinic.serve_with(&[("DAYBOOK_TRUSTED_PROXIES", "127.0.0.1")]).await.unwrap();
    let client = Client::new();
    for patient in 0..LOOKUPS / PER_NUMBER {
        let (day, start) = (working_day(patient / STARTS.len()), STARTS[patient % STARTS.len()]);
        let booking = form(patient, "OTHER_CONSULTATION", day, start);
        let from = format!("203.0.113.{}", patient % 250);
        let request = client.post(service.url(RESERVATIONS)).header("x-forwarded-for", from);
        send(request.json(&booking)).await.unwrap().ok();
    }
    let lookups = futures_util::stream::iter(0..2 * LOOKUPS).map(|number| look_up(&client, &service, number));
    let taken: Vec<(bool, Duration)> = lookups.buffer_unordered(CLIENTS).collect().await;
    let of =
        |kind| taken.iter().filter(|(known, _)| *known == kind).map(|(_, took)| *took).collect::<Vec<_>>();
    let (known, unknown) = (of(true), of(false));
    let separation = separation(&known, &unknown);
    println!(
        "{LOOKUPS} lookups each: median {:?} known, {:?} unknown, AUC {separation:.3}",
        median(&known),
        median(&unknown)
    );
    assert!((separation - 0.5).abs() < MAX_SEPARATION, "AUC {separation:.3}");
}

#[test]
fn the_statistic_is_one_half_for_equal_samples_and_one_for_separate_ones() {
    let millis = |range: std::ops::Range<u64>| range.map(Duration::from_millis).collect::<Vec<_>>();
    assert!((separation(&millis(0..100), &millis(0..100)) - 0.5).abs() < 1e-9);
    assert!((separation(&millis(100..200), &millis(0..100)) - 1.0).abs() < 1e-9);
}
