//! The latency of a single append without concurrent load: it must not exceed the server's own time.
//!
//! A client that leaves Nagle's algorithm enabled for small writes waits for the server's delayed acknowledgement,
//! which takes 40 ms.

use std::time::{Duration, Instant};

use daybook_event_log::{EventLog, EventStoreLog, Expected, StreamName};
use daybook_log_server::{Cluster, Options, Server};

use super::started;
use crate::event_log::adapters;
use crate::event_log::sample::*;

/// Half of a delayed acknowledgement. A normal append takes one hundredth of this limit.
const LIMIT: Duration = Duration::from_millis(20);

/// Number of appends per median.
const APPENDS: usize = 20;

/// Approximate size of a booking.
const PAYLOAD_BYTES: usize = 600;

/// Returns the median latency of sequential appends.
async fn median(log: &EventStoreLog, stream: &StreamName, expected: &mut Expected) -> Duration {
    let mut times = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let event = event_of_bytes(PAYLOAD_BYTES);
        let begun = Instant::now();
        let appended = log.append(stream, *expected, vec![event]).await.unwrap();
        times.push(begun.elapsed());
        *expected = Expected::Exact(appended.revision);
    }
    times.sort();
    times[APPENDS / 2]
}

/// Appends until the latency is below the limit. A new connection may need some time.
async fn becomes_prompt(log: &EventStoreLog, stream: &StreamName, expected: &mut Expected) {
    within(async { while median(log, stream, expected).await > LIMIT {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_append_does_not_wait_for_a_delayed_acknowledgement() {
    let (server, log) = started().await;
    let (stream, mut expected) = (page(0), Expected::NoStream);
    becomes_prompt(&log, &stream, &mut expected).await;
    let (port, store) = (server.address().port(), server.store().clone());
    server.stop().await;
    let again = Server::start(Options { port, store, ..Options::default() }).await.unwrap();
    becomes_prompt(&log, &stream, &mut expected).await;
    // The cut gives the client no warning, and the client must reconnect by itself.
    again.faults().cut_connections();
    becomes_prompt(&log, &stream, &mut expected).await;
    again.stop().await;
}

/// Appends stay fast when they go to a new leader, even if the client had no connection to it before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_append_is_prompt_after_an_election() {
    let cluster = Cluster::start(3, Options::default()).await.unwrap();
    let log = adapters::connect_to(&cluster.url()).await;
    let (stream, mut expected) = (page(0), Expected::NoStream);
    for leader in [1, 2, 0] {
        cluster.elect(leader).unwrap();
        becomes_prompt(&log, &stream, &mut expected).await;
    }
}
