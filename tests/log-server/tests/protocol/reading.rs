//! Tests reads of one stream and of all streams, in both directions and from every kind of start.

use daybook_log_server::protocol::Empty;
use daybook_log_server::protocol::streams::read_req::options::all_options::AllOption;
use daybook_log_server::protocol::streams::read_req::options::stream_options::RevisionOption::{
    End, Revision, Start,
};
use daybook_log_server::protocol::streams::read_req::options::{CountOption, ReadDirection};
use daybook_log_server::protocol::streams::read_resp::Content;
use daybook_log_server::{Options, Server};
use tonic::Code;

use crate::client::{
    ANY, Client, NO_STREAM, Outcome, all_streams, beginning, commits, events, ids, places, position,
    streams_with,
};
use ReadDirection::{Backwards, Forwards};

fn revisions(contents: &[Content]) -> Vec<u64> {
    places(contents).into_iter().map(|(_, revision)| revision).collect()
}

#[tokio::test]
async fn a_stream_is_read_in_both_directions_from_its_ends_and_from_within() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", NO_STREAM, &ids(5)).await.unwrap();
    for (from, direction, count, expected) in [
        (Start(Empty {}), Forwards, 10, vec![0, 1, 2, 3, 4]),
        (Start(Empty {}), Forwards, 2, vec![0, 1]),
        (Revision(3), Forwards, 10, vec![3, 4]),
        (End(Empty {}), Forwards, 10, vec![4]),
        (End(Empty {}), Backwards, 2, vec![4, 3]),
        (Revision(2), Backwards, 10, vec![2, 1, 0]),
        (Revision(9), Backwards, 1, vec![4]),
        (Start(Empty {}), Backwards, 3, vec![0]),
    ] {
        let contents = client.read("page-1", from, direction, count).await.unwrap();
        assert_eq!(revisions(&contents), expected, "{from:?} {direction:?} {count}");
        assert_eq!(contents.last(), Some(&Content::LastStreamPosition(4)));
    }
    let beyond = client.read("page-1", Revision(9), Forwards, 1).await.unwrap();
    assert_eq!(beyond, [Content::FirstStreamPosition(5), Content::LastStreamPosition(4)]);
}

#[tokio::test]
async fn a_long_stream_is_read_whole_in_both_directions() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", NO_STREAM, &ids(1_000)).await.unwrap();
    let forwards = client.read("page-1", Start(Empty {}), Forwards, u64::MAX).await.unwrap();
    assert_eq!(revisions(&forwards), (0..1_000).collect::<Vec<_>>());
    let backwards = client.read("page-1", End(Empty {}), Backwards, 999).await.unwrap();
    assert_eq!(revisions(&backwards), (1..1_000).rev().collect::<Vec<_>>());
    let all = client.read_all(AllOption::End(Empty {}), Backwards, u64::MAX).await.unwrap();
    let mut positions = commits(&all);
    positions.reverse();
    assert!(positions.is_sorted_by(|a, b| a < b));
    assert_eq!(positions, commits(&client.read_all(beginning(), Forwards, u64::MAX).await.unwrap()));
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_said_to_be_missing() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let contents = client.read("page-1", Start(Empty {}), Forwards, 1).await.unwrap();
    assert!(matches!(contents.as_slice(), [Content::StreamNotFound(_)]));
}

#[tokio::test]
async fn all_streams_are_read_in_one_order_with_the_server_s_own_events_among_them() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    for number in 0..50 {
        client.append(&format!("page-{}", number % 3), ANY, &ids(1)).await.unwrap();
    }
    let all = client.read_all(beginning(), Forwards, u64::MAX).await.unwrap();
    let system = places(&all).iter().filter(|(stream, _)| stream.starts_with('$')).count();
    assert_eq!(system, 3, "one at the start, and one after each 20 appends");
    assert!(commits(&all).is_sorted_by(|a, b| a < b));
    for (_, _, _, metadata) in events(&all) {
        assert_eq!(metadata["content-type"], "application/json");
        assert!(metadata["created"].parse::<u64>().unwrap() > 16_000_000_000_000_000);
    }
}

#[tokio::test]
async fn forwards_a_position_is_part_of_a_read_and_backwards_it_is_not() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", NO_STREAM, &ids(3)).await.unwrap();
    let all = commits(&client.read_all(beginning(), Forwards, 100).await.unwrap());
    let second = position(all[1]);
    assert_eq!(commits(&client.read_all(second, Forwards, 100).await.unwrap()), all[1..]);
    assert_eq!(commits(&client.read_all(second, Backwards, 100).await.unwrap()), all[..1]);
    let ahead = client.read_all(position(all[3] + 1_000_000), Forwards, 100).await.unwrap();
    assert_eq!(commits(&ahead), [0; 0]);
    let refused = client.read_all(position(all[1] + 1), Forwards, 1).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_filtered_read_counts_only_what_it_shows() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    for number in 0..10 {
        client.append(["page-1", "other-1"][number % 2], ANY, &ids(1)).await.unwrap();
    }
    let options = all_streams(beginning(), Forwards, CountOption::Count(4), streams_with("page-", 32));
    let mut replies = client.start(options).await.unwrap();
    let mut contents = Vec::new();
    while let Some(reply) = replies.message().await.unwrap() {
        contents.push(reply.content.unwrap());
    }
    let expected: Vec<_> = (0..4).map(|revision| ("page-1".to_owned(), revision)).collect();
    assert_eq!(places(&contents), expected);
}

#[tokio::test]
async fn the_position_of_an_append_is_that_of_its_last_event() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let Outcome::At { commit, .. } = client.append("page-1", NO_STREAM, &ids(3)).await.unwrap() else {
        panic!("appended");
    };
    let all = client.read_all(AllOption::End(Empty {}), Backwards, 1).await.unwrap();
    assert_eq!(commits(&all), [commit]);
    assert_eq!(revisions(&client.read_all(position(commit), Forwards, 1).await.unwrap()), [2]);
}
