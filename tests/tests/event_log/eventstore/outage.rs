//! Server restarts, dropped connections, and reads without an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use daybook_event_log::{EventId, EventLog, EventStoreLog, Filter, Position, RecordedEvent};
use daybook_log_server::{Fault, Lasting, Operation, Options, Server};
use futures_util::future::join_all;

use super::started;
use crate::event_log::adapters;
use crate::event_log::sample::*;

const WRITERS: u64 = 4;
const EVENTS_EACH: usize = 60;
const TOTAL: usize = WRITERS as usize * EVENTS_EACH;

/// Number of times that the server is killed and restarted.
const RESTARTS: usize = 20;

async fn write(log: Arc<EventStoreLog>, writer: u64, done: Arc<AtomicUsize>) -> Vec<EventId> {
    let mut acknowledged = Vec::new();
    for (number, event) in events(EVENTS_EACH).into_iter().enumerate() {
        acknowledged.push(event.id);
        insist(&*log, &page(if number % 2 == 0 { writer } else { 0 }), event).await;
        done.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

/// Waits until this much of the work is done.
async fn reach(done: &AtomicUsize, count: usize) {
    while done.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn assert_all_stand(log: &EventStoreLog, acknowledged: Vec<Vec<EventId>>) -> Vec<RecordedEvent> {
    let all = read_all(log).await;
    assert_in_order(&all);
    let (mut stored, mut acknowledged) = (recorded_ids(&all), acknowledged.concat());
    stored.sort();
    acknowledged.sort();
    assert_eq!(stored, acknowledged);
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_appends_stand_once_and_followers_go_on_over_twenty_restarts() {
    let mut server = Server::start(Options::default()).await.unwrap();
    let (port, store) = (server.address().port(), server.store().clone());
    let log = Arc::new(adapters::connect_to(&server.url()).await);
    let mut follower = log.follow(Position::START, &Filter::all()).await.unwrap();
    let following = tokio::spawn(async move { next(&mut follower, TOTAL).await });
    let done = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (1..=WRITERS)
        .map(|writer| tokio::spawn(write(Arc::clone(&log), writer, Arc::clone(&done))))
        .collect();
    for restart in 1..=RESTARTS {
        within(reach(&done, TOTAL * restart / (RESTARTS + 1))).await;
        server.stop().await;
        server = Server::start(Options { port, store: store.clone(), ..Options::default() }).await.unwrap();
    }
    let acknowledged = within(join_all(writers)).await.into_iter().map(Result::unwrap).collect();
    let all = assert_all_stand(&log, acknowledged).await;
    assert_eq!(following.await.unwrap(), all);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_appends_stand_once_when_connections_are_cut() {
    let (server, log) = started().await;
    let log = Arc::new(log);
    let done = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (1..=WRITERS)
        .map(|writer| tokio::spawn(write(Arc::clone(&log), writer, Arc::clone(&done))))
        .collect();
    for tenth in 1..10 {
        within(reach(&done, TOTAL * tenth / 10)).await;
        server.faults().cut_connections();
    }
    let acknowledged = within(join_all(writers)).await.into_iter().map(Result::unwrap).collect();
    assert_all_stand(&log, acknowledged).await;
}

/// A follower finds every event, even if its reads are refused, interrupted or never answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_goes_on_whatever_befalls_its_reads() {
    for fault in [Fault::NotReady, Fault::Disconnected, Fault::Unanswered] {
        let (server, log) = started().await;
        let mut follower = log.follow(Position::START, &Filter::all()).await.unwrap();
        append(&log, &page(0), &events(3)).await;
        let mut seen = next(&mut follower, 2).await;
        server.faults().inject(Operation::Read, fault, Lasting::Requests(3));
        server.faults().cut_connections();
        for day in 1..4 {
            insist(&log, &page(day), event()).await;
        }
        seen.extend(next(&mut follower, 4).await);
        server.faults().clear();
        assert_eq!(seen, read_all(&log).await, "{fault:?}");
    }
}

/// A client that starts before the server waits for the server, up to a time limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_can_be_opened_before_its_server_is_up() {
    let server = Server::start(Options::default()).await.unwrap();
    let (port, url) = (server.address().port(), server.url());
    server.stop().await;
    let opening = tokio::spawn(async move { adapters::connect_to(&url).await });
    // The server refuses the first attempt immediately, so it has failed after this delay.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let _server = Server::start(Options { port, ..Options::default() }).await.unwrap();
    let log = within(opening).await.unwrap();
    assert_eq!(log.head().await.unwrap(), Position::START);
}
