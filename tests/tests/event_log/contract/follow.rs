//! Following: a follower sees every event after its position once and in order, even during appends.

use std::collections::HashSet;
use std::sync::Arc;

use daybook_event_log::{Category, EventLog, Expected, Filter, Position, RecordedStream, StreamName};
use futures_util::future::join_all;

use crate::event_log::sample::*;

type Log = Arc<dyn EventLog>;

async fn follow(log: &dyn EventLog, after: Position) -> RecordedStream {
    log.follow(after, &Filter::all()).await.unwrap()
}

pub(crate) async fn a_follower_sees_what_was_there_and_what_comes(log: Log) {
    let (before, later) = (events(3), events(2));
    append(&*log, &page(0), &before).await;
    let mut follower = follow(&*log, Position::START).await;
    assert_eq!(recorded_ids(&next(&mut follower, 3).await), ids(&before));
    for new in later.chunks(1) {
        append(&*log, &page(1), new).await;
        assert_eq!(recorded_ids(&next(&mut follower, 1).await), ids(new));
    }
}

pub(crate) async fn a_follower_starts_after_its_position(log: Log) {
    let new = events(4);
    append(&*log, &page(0), &new).await;
    let all = read_all(&*log).await;
    let mut follower = follow(&*log, all[1].position).await;
    assert_eq!(next(&mut follower, 2).await, all[2..]);
    let mut at_the_head = follow(&*log, all[3].position).await;
    let latest = events(1);
    append(&*log, &page(1), &latest).await;
    assert_eq!(recorded_ids(&next(&mut at_the_head, 1).await), ids(&latest));
}

pub(crate) async fn a_filtered_follower_is_not_held_up_by_what_it_does_not_see(log: Log) {
    let routing = Filter::categories([Category::Routing]);
    let mut follower = log.follow(Position::START, &routing).await.unwrap();
    for round in 0..3 {
        append(&*log, &page(round), &events(1000)).await;
        let wanted = events(2);
        append(&*log, &StreamName::routing(), &wanted).await;
        assert_eq!(recorded_ids(&next(&mut follower, 2).await), ids(&wanted), "round {round}");
    }
}

pub(crate) async fn a_follower_catches_up_over_many_pages(log: Log) {
    let new = events(4500);
    let mut expected = Expected::NoStream;
    for part in new.chunks(900) {
        expected = Expected::Exact(log.append(&page(0), expected, part.to_vec()).await.unwrap().revision);
    }
    let mut follower = follow(&*log, Position::START).await;
    assert_eq!(recorded_ids(&next(&mut follower, new.len()).await), ids(&new));
}

/// Eight writers append to their own pages and to a shared page. Three followers read, and one of them starts late. A
/// log loses events in this test if it shows a position before a lower position is committed.
pub(crate) async fn followers_under_eight_writers_see_every_event_once_in_order(log: Log) {
    const WRITERS: u64 = 8;
    const ROUNDS: usize = 60;
    let total = WRITERS as usize * ROUNDS * 2;
    let watch = |mut follower: RecordedStream| tokio::spawn(async move { next(&mut follower, total).await });
    let mut followers = vec![watch(follow(&*log, Position::START).await)];
    let writers = (1..=WRITERS).map(|writer| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut written = Vec::new();
            for new in events(ROUNDS * 2).chunks(2) {
                insist(&*log, &page(writer), new[0].clone()).await;
                insist(&*log, &page(0), new[1].clone()).await;
                written.extend(ids(new));
            }
            written
        })
    });
    let writers = join_all(writers.collect::<Vec<_>>());
    followers.push(watch(follow(&*log, Position::START).await));
    let written: HashSet<_> = within(writers).await.into_iter().flat_map(Result::unwrap).collect();
    followers.push(watch(follow(&*log, Position::START).await));
    let all = read_all(&*log).await;
    assert_in_order(&all);
    assert_eq!((all.len(), recorded_ids(&all).into_iter().collect()), (total, written));
    for follower in followers {
        assert_eq!(follower.await.unwrap(), all);
    }
}
