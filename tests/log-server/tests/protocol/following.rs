//! Tests subscriptions: the start, the events, checkpoints, and the `caught_up` message.

use daybook_log_server::protocol::Empty;
use daybook_log_server::protocol::streams::ReadResp;
use daybook_log_server::protocol::streams::read_req::options::ReadDirection::Forwards;
use daybook_log_server::protocol::streams::read_req::options::all_options::AllOption;
use daybook_log_server::protocol::streams::read_req::options::filter_options::{Expression, Filter};
use daybook_log_server::protocol::streams::read_req::options::stream_options::RevisionOption;
use daybook_log_server::protocol::streams::read_resp::Content;
use daybook_log_server::{Ending, Options, Server};
use tokio::time::timeout;
use tonic::{Code, Streaming};

use crate::client::{
    ANY, Client, PATIENCE, beginning, commits, filtered, ids, next, no_filter, places, position,
    streams_with, until_caught_up,
};

/// The number of appends to other streams. It fills each window of a filter several times.
const OTHERS: usize = 100;

async fn next_event(subscription: &mut Streaming<ReadResp>) -> (String, u64) {
    loop {
        let content = next(subscription).await;
        if let Some(place) = places(&[content]).pop() {
            return place;
        }
    }
}

#[tokio::test]
async fn a_subscription_is_confirmed_catches_up_and_is_then_live() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", ANY, &ids(3)).await.unwrap();
    let mut subscription = client.subscribe(beginning(), no_filter()).await.unwrap();
    let history = until_caught_up(&mut subscription).await;
    assert!(matches!(history[0], Content::Confirmation(_)), "{:?}", history[0]);
    assert_eq!(places(&history).len(), 4, "three of the page, one of the server");
    assert_eq!(history.len(), 5, "without a filter there are no checkpoints");
    client.append("page-1", ANY, &ids(2)).await.unwrap();
    assert_eq!(places(&[next(&mut subscription).await]), [("page-1".to_owned(), 3)]);
    assert_eq!(places(&[next(&mut subscription).await]), [("page-1".to_owned(), 4)]);
}

#[tokio::test]
async fn a_subscription_starts_after_its_position() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", ANY, &ids(4)).await.unwrap();
    let all = commits(&client.read_all(beginning(), Forwards, 100).await.unwrap());
    let mut subscription = client.subscribe(position(all[2]), no_filter()).await.unwrap();
    assert_eq!(commits(&until_caught_up(&mut subscription).await), all[3..]);

    let mut at_end = client.subscribe(AllOption::End(Empty {}), no_filter()).await.unwrap();
    let mut at_last = client.subscribe(position(all[4]), no_filter()).await.unwrap();
    for subscription in [&mut at_end, &mut at_last] {
        assert_eq!(commits(&until_caught_up(subscription).await), [0; 0]);
    }
    client.append("page-1", ANY, &ids(1)).await.unwrap();
    for subscription in [&mut at_end, &mut at_last] {
        assert_eq!(places(&[next(subscription).await]), [("page-1".to_owned(), 4)]);
    }
}

#[tokio::test]
async fn a_subscription_from_within_a_record_is_refused_after_its_confirmation() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", ANY, &ids(2)).await.unwrap();
    let all = commits(&client.read_all(beginning(), Forwards, 100).await.unwrap());
    let mut subscription = client.subscribe(position(all[1] + 1), no_filter()).await.unwrap();
    assert!(matches!(next(&mut subscription).await, Content::Confirmation(_)));
    let refused = subscription.message().await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_filter_hides_events_and_checkpoints_say_how_far_it_has_come() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", ANY, &ids(1)).await.unwrap();
    for _ in 0..OTHERS {
        client.append("other-1", ANY, &ids(1)).await.unwrap();
    }
    let last = *commits(&client.read_all(beginning(), Forwards, u64::MAX).await.unwrap()).last().unwrap();
    let mut subscription = client.subscribe(beginning(), streams_with("page-", 10)).await.unwrap();
    let history = until_caught_up(&mut subscription).await;
    assert_eq!(places(&history), [("page-1".to_owned(), 0)]);
    let checkpoints: Vec<u64> = history.iter().filter_map(checkpoint).collect();
    assert!(checkpoints.len() > OTHERS / 10, "{checkpoints:?}");
    assert!(checkpoints.is_sorted_by(|a, b| a < b));
    assert_eq!(checkpoints.last(), Some(&last), "one when it goes live");

    // A live subscription also sends checkpoints, even if it shows no events.
    for _ in 0..OTHERS {
        client.append("other-1", ANY, &ids(1)).await.unwrap();
    }
    let live = checkpoint(&next(&mut subscription).await).expect("a checkpoint");
    assert!(live > last);
    // A subscription that starts from a checkpoint must not miss an event.
    client.append("page-1", ANY, &ids(1)).await.unwrap();
    let mut again = client.subscribe(position(live), streams_with("page-", 10)).await.unwrap();
    assert_eq!(next_event(&mut again).await, ("page-1".to_owned(), 1));
    assert_eq!(next_event(&mut subscription).await, ("page-1".to_owned(), 1));
}

fn checkpoint(content: &Content) -> Option<u64> {
    if let Content::Checkpoint(checkpoint) = content { Some(checkpoint.commit_position) } else { None }
}

#[tokio::test]
async fn a_subscription_from_ahead_of_the_log_shows_nothing_before_its_position() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let end = *commits(&client.read_all(beginning(), Forwards, 10).await.unwrap()).last().unwrap();
    let mut subscription =
        client.subscribe(position(end + 1_000_000), streams_with("page-", 1)).await.unwrap();
    until_caught_up(&mut subscription).await;
    client.append("page-1", ANY, &ids(1)).await.unwrap();
    assert!(checkpoint(&next(&mut subscription).await).is_some(), "it was passed over");
}

#[tokio::test]
async fn filters_know_streams_and_types_by_prefix_and_by_regex() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    for stream in ["page-1", "other-1"] {
        client.append(stream, ANY, &ids(1)).await.unwrap();
    }
    let regex = |regex: &str| Expression { regex: regex.to_owned(), prefix: Vec::new() };
    let prefix = |prefix: &str| Expression { regex: String::new(), prefix: vec![prefix.to_owned()] };
    for (filter, expected) in [
        (Filter::StreamIdentifier(regex("^[^$].*")), vec!["page-1", "other-1"]),
        (Filter::StreamIdentifier(prefix("other-")), vec!["other-1"]),
        (Filter::EventType(regex("^Some|^Any")), vec!["page-1", "other-1"]),
        (Filter::EventType(prefix("$")), vec!["$stats-127.0.0.1"]),
    ] {
        let mut subscription = client.subscribe(beginning(), filtered(filter.clone(), 32)).await.unwrap();
        let history = until_caught_up(&mut subscription).await;
        let streams: Vec<_> = places(&history).into_iter().map(|(stream, _)| stream).collect();
        assert_eq!(streams, expected, "{filter:?}");
    }
    let refused = client.subscribe(beginning(), filtered(Filter::EventType(regex("(")), 32)).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn one_stream_is_followed_from_before_it_exists() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let mut early = client.subscribe_to("page-1", RevisionOption::Start(Empty {})).await.unwrap();
    assert_eq!(places(&until_caught_up(&mut early).await), []);
    client.append("other-1", ANY, &ids(1)).await.unwrap();
    client.append("page-1", ANY, &ids(3)).await.unwrap();
    for revision in 0..3 {
        assert_eq!(places(&[next(&mut early).await]), [("page-1".to_owned(), revision)]);
    }
    let mut late = client.subscribe_to("page-1", RevisionOption::Revision(1)).await.unwrap();
    assert_eq!(places(&until_caught_up(&mut late).await), [("page-1".to_owned(), 2)]);
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_told_and_misses_nothing() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let mut subscription = client.subscribe(AllOption::End(Empty {}), no_filter()).await.unwrap();
    until_caught_up(&mut subscription).await;
    server.faults().silence_subscriptions(true);
    client.append("page-1", ANY, &ids(1_500)).await.unwrap();
    server.faults().silence_subscriptions(false);
    let behind = until_caught_up(&mut subscription).await;
    assert!(behind.iter().any(|content| matches!(content, Content::FellBehind(_))));
    let revisions: Vec<u64> = places(&behind).into_iter().map(|(_, revision)| revision).collect();
    assert_eq!(revisions, (0..1_500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_silent_subscription_says_nothing_and_goes_on_afterwards() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    server.faults().silence_subscriptions(true);
    let mut subscription = client.subscribe(beginning(), streams_with("page-", 32)).await.unwrap();
    client.append("page-1", ANY, &ids(1)).await.unwrap();
    // The server still answers appends and reads, so only the subscription is silent.
    client.read_all(beginning(), Forwards, 10).await.unwrap();
    let said = tokio::select! {
        biased;
        reply = subscription.message() => Some(reply),
        () = std::future::ready(()) => None,
    };
    assert!(said.is_none(), "{said:?}");
    server.faults().silence_subscriptions(false);
    assert_eq!(next_event(&mut subscription).await, ("page-1".to_owned(), 0));
}

#[tokio::test]
async fn subscriptions_end_with_ok_or_an_error_and_later_ones_do_not() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    for (ending, code) in [(Ending::Ok, None), (Ending::Unavailable, Some(Code::Unavailable))] {
        let mut subscription = client.subscribe(beginning(), no_filter()).await.unwrap();
        until_caught_up(&mut subscription).await;
        server.faults().end_subscriptions(ending);
        let end = timeout(PATIENCE, subscription.message()).await.expect("an end in time");
        match code {
            None => assert_eq!(end.unwrap(), None),
            Some(code) => assert_eq!(end.unwrap_err().code(), code),
        }
    }
    let mut later = client.subscribe(beginning(), no_filter()).await.unwrap();
    until_caught_up(&mut later).await;
}
