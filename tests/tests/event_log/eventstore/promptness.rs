//! How long one append takes while nobody else appends: no longer than the server needs.
//!
//! A client that leaves its small writes to Nagle's algorithm waits out the server's delayed acknowledgement, which is 40 ms.

use std::time::{Duration, Instant};

use daybook_event_log::{EventLog, EventStoreLog, Expected, StreamName};
use daybook_log_server::{Cluster, Options, Server};

use super::started;
use crate::event_log::adapters;
use crate::event_log::sample::*;

/// Half of a delayed acknowledgement; an append takes a hundredth of it.
const LIMIT: Duration = Duration::from_millis(20);

/// Appends of which the middle one counts.
const APPENDS: usize = 20;

/// About as much as a booking writes.
const PAYLOAD_BYTES: usize = 600;

/// The middle one of the times that so many appends take, one after the other.
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

/// Appends until it takes no longer than the server needs. It may take a while after a connection was made.
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
    // Cut without a word: the client connects again by itself.
    again.faults().cut_connections();
    becomes_prompt(&log, &stream, &mut expected).await;
    again.stop().await;
}

/// Appends go to whichever member leads, be it one to which nobody was connected before.
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
