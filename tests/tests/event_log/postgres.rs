//! The guarantees of the Postgres adapter beyond the contract: several processes, lost connections, dumps, and the
//! schema.

mod dump;
mod keys;
mod outage;
mod schema;
mod wakings;

use std::sync::Arc;

use daybook_event_log::{AppendError, EventLog, Expected, Filter, NewEvent, Position};
use futures_util::future::join_all;

use super::adapters;
use super::sample::*;

/// Two processes share one database. Each has its own writer, and positions still increase in commit order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_logs_on_one_database_interleave_without_a_gap() {
    const ROUNDS: usize = 50;
    let database = adapters::database().await;
    let logs = [Arc::new(adapters::connect(&database).await), Arc::new(adapters::connect(&database).await)];
    let total = 8 * ROUNDS;
    let mut followers = Vec::new();
    for log in &logs {
        let mut follower = log.follow(Position::START, &Filter::all()).await.unwrap();
        followers.push(tokio::spawn(async move { next(&mut follower, total).await }));
    }
    let writers = (0..8).map(|writer| {
        let log = Arc::clone(&logs[writer % 2]);
        tokio::spawn(async move {
            for event in events(ROUNDS) {
                insist(&*log, &page(writer as u64 % 3), event).await;
            }
        })
    });
    for writer in within(join_all(writers.collect::<Vec<_>>())).await {
        writer.unwrap();
    }
    let all = read_all(&*logs[0]).await;
    assert_eq!(all.len(), total);
    assert_in_order(&all);
    for follower in followers {
        assert_eq!(follower.await.unwrap(), all);
    }
}

/// A writer caches the head of the log after its last group and appends to that head without a read. If another process
/// has written since then, the writer must detect this and refresh its cache, both for the streams that changed and for
/// the streams that did not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_writer_remembers_does_not_hold_once_another_has_written() {
    let database = adapters::database().await;
    let (one, other) = (adapters::connect(&database).await, adapters::connect(&database).await);
    let (shared, own) = (page(0), page(1));
    one.append(&shared, Expected::NoStream, vec![event()]).await.unwrap();
    one.append(&own, Expected::NoStream, vec![event()]).await.unwrap();
    let mut position = 2;
    // After each stale cache, the writer reads before it writes for a while. Only then does it use its cache again.
    for round in 0..3 {
        let last = |revisions: u64| Expected::Exact(revision(revisions));
        let overtaken = 40 * round;
        for step in 0..20 {
            one.append(&shared, last(overtaken + step), vec![event()]).await.unwrap();
            one.append(&own, last(20 * round + step), vec![event()]).await.unwrap();
            position += 2;
        }
        let theirs = event();
        let here = last(overtaken + 20);
        let written = other.append(&shared, here, vec![theirs.clone()]).await.unwrap();
        position += 1;
        assert_eq!(written.position.commit(), position);
        let conflict = one.append(&shared, here, vec![event()]).await.unwrap_err();
        let actual = Some(revision(overtaken + 21));
        assert!(
            matches!(conflict, AppendError::RevisionConflict { actual: found, .. } if found == actual),
            "{conflict:?}"
        );
        // The log recognises the other process's events when this process sends them again.
        assert_eq!(one.append(&shared, here, vec![theirs]).await.unwrap(), written);
        let fill = (0..19).map(|_| event()).collect::<Vec<_>>();
        let filled = one.append(&shared, last(overtaken + 21), fill).await.unwrap();
        position += 19;
        assert_eq!(filled.position.commit(), position);
    }
    let all = read_all(&one).await;
    assert_eq!(all.len() as u64, position);
    assert_in_order(&all);
}

/// Only PostgreSQL can detect that this append is invalid. The append shares a transaction with valid appends, and they
/// must still succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_postgres_does_not_take_fails_only_its_own_append() {
    let database = adapters::database().await;
    let log = adapters::connect(&database).await;
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let attempts = (0..30).map(|number| {
        let deep = NewEvent { payload: nested.clone().into(), ..event() };
        let new = if number % 10 == 5 { deep } else { event() };
        let log = log.clone();
        async move { log.append(&page(number), Expected::NoStream, vec![new]).await }
    });
    let answers = within(join_all(attempts.collect::<Vec<_>>())).await;
    for (number, answer) in answers.into_iter().enumerate() {
        match number % 10 {
            5 => assert!(matches!(answer, Err(AppendError::Invalid(_))), "{number}: {answer:?}"),
            _ => assert!(answer.is_ok(), "{number}: {answer:?}"),
        }
    }
    assert_eq!(read_all(&log).await.len(), 27);
}
