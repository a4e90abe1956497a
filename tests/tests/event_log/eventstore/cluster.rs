//! A cluster of three nodes: leader elections and the failure of the leader.

use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_event_log::{EventLog, EventStoreLog, Filter, Position};
use daybook_log_server::{Cluster, Options};

use crate::event_log::adapters;
use crate::event_log::sample::*;

const MEMBERS: usize = 3;

/// Maximum duration of an append while the leader changes.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

async fn started() -> (Cluster, Arc<EventStoreLog>) {
    let cluster = Cluster::start(MEMBERS, Options::default()).await.unwrap();
    let log = adapters::connect_to(&cluster.url()).await;
    (cluster, Arc::new(log))
}

/// Appends to one stream after another. Each append must finish within the longest pause.
async fn append_some(log: &EventStoreLog, days: std::ops::Range<u64>) {
    for day in days {
        let begun = Instant::now();
        insist(log, &page(day), event()).await;
        assert!(begun.elapsed() < LONGEST_PAUSE, "an append took {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_go_on_when_another_member_is_elected() {
    let (cluster, log) = started().await;
    let mut follower = log.follow(Position::START, &Filter::all()).await.unwrap();
    for round in 0..6 {
        append_some(&log, 10 * round..10 * round + 10).await;
        cluster.elect((round as usize + 1) % MEMBERS).unwrap();
    }
    append_some(&log, 60..70).await;
    let all = read_all(&*log).await;
    assert_eq!(all.len(), 70);
    assert_in_order(&all);
    assert_eq!(next(&mut follower, 70).await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_go_on_when_the_leader_dies_and_another_is_elected() {
    let (mut cluster, log) = started().await;
    let mut follower = log.follow(Position::START, &Filter::all()).await.unwrap();
    for round in 0..3 {
        append_some(&log, 10 * round..10 * round + 10).await;
        let leader = cluster.leader().unwrap();
        cluster.kill(leader).await.unwrap();
        let writing = tokio::spawn({
            let log = Arc::clone(&log);
            async move { append_some(&log, 100 + round..101 + round).await }
        });
        cluster.elect((leader + 1) % MEMBERS).unwrap();
        within(writing).await.unwrap();
        cluster.restart(leader).await.unwrap();
    }
    let all = read_all(&*log).await;
    assert_eq!(all.len(), 33);
    assert_in_order(&all);
    assert_eq!(next(&mut follower, 33).await, all);
}
