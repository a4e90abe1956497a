//! Clients that send half a request, or one byte at a time, and clients that hang up.

use std::time::Duration;

use daybook_tests::process::Installation;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::{assert_unharmed, connect, log_head, within};
use crate::client::{RESERVATIONS, client, form, get, send, working_day};

/// More than the service works on at a time.
const SLOW: usize = 200;

/// Longer than all deadlines for heads and bodies.
const LIMIT: Duration = Duration::from_secs(60);

const HEAD: &str = "POST /api/public/reservations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";

/// Half a head, half a body, and half a chunk.
fn halves() -> [String; 3] {
    [
        HEAD.to_owned(),
        format!("{HEAD}content-length: 500\r\n\r\n{{\"phone\":"),
        format!("{HEAD}transfer-encoding: chunked\r\n\r\n20\r\n{{\"phone\":"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_take_no_place_and_end() {
    let clinic = Installation::open().await.unwrap();
    let service = clinic.serve().await.unwrap();
    let head = log_head(&service).await;
    let mut slow = Vec::new();
    for number in 0..SLOW {
        let halves = halves();
        slow.push(connect(&service, halves[number % halves.len()].as_bytes()).await.unwrap());
    }
    let client = client();
    for path in ["/readyz", "/api/reservations", "/api/public/services"] {
        get(&client, &service, path).await.unwrap().ok();
    }
    assert_eq!(log_head(&service).await, head, "half a request appends nothing");
    let anonymous = reqwest::Client::new();
    let booking = form(1, "OTHER_CONSULTATION", working_day(1), "09:00");
    send(anonymous.post(service.url(RESERVATIONS)).json(&booking)).await.unwrap().ok();
    for mut stream in slow {
        let mut answer = Vec::new();
        let end = within(LIMIT, "the end of a slow request", stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        // The service may also reset a connection whose bytes it did not read.
        assert!(end.is_err() || answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_unharmed(&clinic, &service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_trickles_in_is_answered_or_ended_and_a_client_that_hangs_up_harms_nothing() {
    let clinic = Installation::open().await.unwrap();
    let service = clinic.serve().await.unwrap();
    let head = log_head(&service).await;
    let mut trickle = connect(&service, b"").await.unwrap();
    let trickled = timeout(LIMIT, async {
        for byte in HEAD.bytes().cycle() {
            if trickle.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    trickled.await.expect("a head that never ends is ended");
    let more_than_announced = format!("{HEAD}content-length: 2\r\n\r\n{{}}{{}}{{}}");
    for half in halves().into_iter().chain([more_than_announced]) {
        drop(connect(&service, half.as_bytes()).await.unwrap());
    }
    assert_eq!(log_head(&service).await, head);
    assert_unharmed(&clinic, &service).await;
}
