//! What the Postgres adapter promises beyond the contract: several processes, lost connections, dumps, its schema.

mod dump;
mod outage;
mod schema;

use std::sync::Arc;

use daybook_event_log::{AppendError, EventLog, Expected, Filter, NewEvent, Position};
use futures_util::future::join_all;

use super::adapters;
use super::sample::*;

/// Two processes are two logs on one database: each has its own writer, and positions still rise in commit order.
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

/// An append that only PostgreSQL can tell is bad shares its transaction with good ones and takes none of them along.
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
