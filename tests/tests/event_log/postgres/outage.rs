//! Lost connections: acknowledged events are stored exactly once, and followers continue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use daybook_event_log::{EventId, EventLog, Filter, PostgresLog};
use daybook_event_log::{Position, RecordedEvent};
use daybook_tests::postgres::TestDatabase;
use futures_util::future::join_all;

use crate::event_log::adapters;
use crate::event_log::sample::*;

const WRITERS: u64 = 8;
const EVENTS_EACH: usize = 150;
const TOTAL: usize = WRITERS as usize * EVENTS_EACH;

/// Terminates all other sessions of the database, as a crash of the server would.
const TERMINATE: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Appends a writer's events until all are stored: half to the writer's own page and half to a shared page.
async fn write(log: Arc<PostgresLog>, writer: u64, done: Arc<AtomicUsize>) -> Vec<EventId> {
    let mut acknowledged = Vec::new();
    for (number, event) in events(EVENTS_EACH).into_iter().enumerate() {
        let id = event.id;
        insist(&*log, &page(if number % 2 == 0 { writer } else { 0 }), event).await;
        acknowledged.push(id);
        done.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

/// Terminates all sessions after each tenth of the work.
async fn terminate_again_and_again(database: &TestDatabase, done: &AtomicUsize) -> usize {
    let killer = database.connect().await.unwrap();
    let mut terminated = 0;
    for tenth in 1..10 {
        while done.load(Ordering::Relaxed) < TOTAL * tenth / 10 {
            tokio::task::yield_now().await;
        }
        let row = killer.query_one(TERMINATE, &[]).await.unwrap();
        terminated += row.get::<_, i64>(0) as usize;
    }
    terminated
}

/// Waits until the log detects that the database is back.
async fn until_up(log: &PostgresLog) {
    while !log.connection().is_up {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_appends_stand_once_and_followers_go_on_when_sessions_are_ended() {
    let database = adapters::database().await;
    let log = Arc::new(adapters::connect(&database).await);
    let mut follower = log.follow(Position::START, &Filter::all()).await.unwrap();
    let following = tokio::spawn(async move { next(&mut follower, TOTAL).await });
    let done = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (1..=WRITERS)
        .map(|writer| tokio::spawn(write(Arc::clone(&log), writer, Arc::clone(&done))))
        .collect();
    let terminated = within(terminate_again_and_again(&database, &done)).await;
    assert!(terminated >= 9, "only {terminated} sessions were ended");
    let mut acknowledged: Vec<EventId> =
        within(join_all(writers)).await.into_iter().flat_map(Result::unwrap).collect();
    let all: Vec<RecordedEvent> = read_all(&*log).await;
    assert_in_order(&all);
    let mut stored = recorded_ids(&all);
    stored.sort();
    acknowledged.sort();
    assert_eq!(stored, acknowledged);
    assert_eq!(following.await.unwrap(), all);
    within(until_up(&log)).await;
    assert!(log.connection().reconnects > 0);
}

/// A read must not depend on earlier sessions or on the transaction that wrote an event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_loses_its_connection_says_so_and_can_go_on() {
    use futures_util::StreamExt;

    let database = adapters::database().await;
    let log = adapters::connect(&database).await;
    for day in 0..30 {
        append(&log, &page(day), &[event_of_bytes(900_000)]).await;
    }
    let mut reading = log.read_all(Position::START, &Filter::all()).await.unwrap();
    let first = reading.next().await.unwrap().unwrap();
    let killer = database.connect().await.unwrap();
    killer.query_one(TERMINATE, &[]).await.unwrap();
    let rest: Vec<_> = within(reading.collect::<Vec<_>>()).await;
    let seen: Vec<_> = rest.iter().map_while(|event| event.as_ref().ok().cloned()).collect();
    assert!(
        seen.len() + 1 == rest.len() && rest.last().unwrap().is_err(),
        "the read broke off without a word"
    );
    let last = seen.last().unwrap_or(&first).position;
    let others = within(async { collect(log.read_all(last, &Filter::all()).await).await }).await;
    assert_eq!(1 + seen.len() + others.len(), 30);
}
