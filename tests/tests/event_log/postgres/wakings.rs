//! A follower wakes immediately for the events that it selects, and for no others.

use std::time::Duration;

use daybook_event_log::postgres::{CHANNEL, POLL_INTERVAL};
use daybook_event_log::{Category, EventLog, Filter, Position, PostgresLog, StreamName};
use futures_util::StreamExt;

use crate::event_log::adapters;
use crate::event_log::sample::*;

/// Waits until the followers of a log have been woken this many times.
async fn woken(log: &PostgresLog, times: u64) {
    within(async {
        while log.wakeup_counts().total < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// One process appends many events to pages and a few to the routing. Another process follows the routing. Bookings
/// never wake the follower. Each change of the routing wakes it once, and the follower finds the change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_follower_does_not_want_does_not_wake_it() {
    let database = adapters::database().await;
    let (writer, follows) = (adapters::connect(&database).await, adapters::connect(&database).await);
    let own = writer.clone();
    let routing = Filter::categories([Category::Routing]);
    let mut there = follows.follow(Position::START, &routing).await.unwrap();
    let mut here = own.follow(Position::START, &routing).await.unwrap();
    for round in 0..5 {
        for day in 0..40 {
            let following = async { tokio::join!(there.next(), here.next()) };
            let (page, bookings) = (page(40 * round + day), events(2));
            tokio::select! {
                _ = append(&writer, &page, &bookings) => {}
                _ = following => panic!("a follower of the routing was given a booking"),
            }
        }
        let change = events(1);
        append(&writer, &StreamName::routing(), &change).await;
        for follower in [&mut there, &mut here] {
            assert_eq!(recorded_ids(&next(follower, 1).await), ids(&change));
        }
    }
    for log in [&follows, &writer] {
        let wakings = log.wakeup_counts();
        // Polling may find a change just before its announcement arrives, which then finds nothing.
        assert!(wakings.total <= 2 * 5 && wakings.empty <= 5, "{wakings:?}");
    }
    assert!(follows.wakeup_counts().total + writer.wakeup_counts().total > 0);
}

/// A follower of all events wakes for every append, and finds the new event when it reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_announced_is_there_to_be_read() {
    let database = adapters::database().await;
    let (writer, follows) = (adapters::connect(&database).await, adapters::connect(&database).await);
    let mut follower = follows.follow(Position::START, &Filter::all()).await.unwrap();
    let mut streams =
        [page(0), StreamName::catalog(), StreamName::hours(), StreamName::privacy()].into_iter().cycle();
    for stream in streams.by_ref().take(60) {
        let new = events(1);
        let following = next(&mut follower, 1);
        let (found, _) = tokio::join!(following, append(&writer, &stream, &new));
        assert_eq!(recorded_ids(&found), ids(&new));
    }
    let wakings = follows.wakeup_counts();
    assert!(wakings.total > 30 && wakings.empty == 0, "{wakings:?}");
}

/// An announcement may be late, lost, invalid, or from another release. The follower finds the new events in every
/// case.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polling_finds_what_was_announced_wrongly() {
    let database = adapters::database().await;
    let (log, client) = (adapters::connect(&database).await, database.connect().await.unwrap());
    let routing = Filter::categories([Category::Routing]);
    let mut follower = log.follow(Position::START, &routing).await.unwrap();
    let insert = "
        INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata)
        VALUES ($1::bigint, $1::bigint - 1, gen_random_uuid(), 'routing-main', 'SomethingHappened', '1', '{}')";
    for (position, told) in [(1, None), (2, Some("2 newer")), (3, Some("nonsense")), (4, Some("3 daybook"))] {
        client.execute(insert, &[&i64::from(position)]).await.unwrap();
        if let Some(told) = told {
            client.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &told]).await.unwrap();
        }
        let found = tokio::time::timeout(POLL_INTERVAL * 20, follower.next()).await;
        assert_eq!(found.unwrap().unwrap().unwrap().position.commit(), u64::from(position as u32));
    }
    // An announcement without families, as an older release sends it, wakes every follower.
    let before = log.wakeup_counts();
    client.execute("SELECT pg_notify($1, '9')", &[&CHANNEL]).await.unwrap();
    let waiting = follower.next();
    tokio::select! {
        () = woken(&log, before.total + 1) => {}
        _ = waiting => panic!("there is nothing to be found"),
    }
}

/// A restore, or another tool, writes events without an announcement. After polling finds them, the follower reads page
/// after page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_that_nobody_announced_is_read_without_a_pause_for_each_page() {
    const PAGES: u32 = 10;
    let database = adapters::database().await;
    let (log, client) = (adapters::connect(&database).await, database.connect().await.unwrap());
    let insert = "
        INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata)
        SELECT n, n - 1, gen_random_uuid(), 'daybook-2026-12-01', 'SomethingHappened', '1', '{}'
        FROM generate_series(1::bigint, $1::bigint * 1000) AS n";
    client.execute(insert, &[&i64::from(PAGES)]).await.unwrap();
    let mut follower = log.follow(Position::START, &Filter::all()).await.unwrap();
    let since = tokio::time::Instant::now();
    assert_in_order(&next(&mut follower, PAGES as usize * 1000).await);
    let took = since.elapsed();
    assert!(took < POLL_INTERVAL * PAGES / 2, "{took:?}: it waited for most of the pages");
}
