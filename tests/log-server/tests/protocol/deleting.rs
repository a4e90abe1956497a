//! Tests deleted streams, which an append can recreate, and tombstoned streams, which it cannot.

use daybook_log_server::protocol::Empty;
use daybook_log_server::protocol::streams::read_req::options::ReadDirection::Forwards;
use daybook_log_server::protocol::streams::read_req::options::stream_options::RevisionOption;
use daybook_log_server::protocol::streams::read_resp::Content;
use daybook_log_server::protocol::streams::{
    DeleteReq, TombstoneReq, delete_req, delete_resp, tombstone_req,
};
use daybook_log_server::{Options, Server};
use tonic::{Code, Status};

use crate::client::{
    ANY, Client, NO_STREAM, Outcome, STREAM_EXISTS, beginning, exact, identifier, ids, no_filter, places,
    trailer, until_caught_up,
};

async fn delete(client: &mut Client, stream: &str, revision: Option<u64>) -> Result<u64, Status> {
    use delete_req::options::ExpectedStreamRevision::{Any, Revision};
    let options = delete_req::Options {
        stream_identifier: Some(identifier(stream)),
        expected_stream_revision: Some(revision.map_or(Any(Empty {}), Revision)),
    };
    let response = client.streams.delete(DeleteReq { options: Some(options) }).await?.into_inner();
    let Some(delete_resp::PositionOption::Position(position)) = response.position_option else {
        panic!("a position");
    };
    Ok(position.commit_position)
}

async fn tombstone(client: &mut Client, stream: &str) -> Result<(), Status> {
    let options = tombstone_req::Options {
        stream_identifier: Some(identifier(stream)),
        expected_stream_revision: Some(tombstone_req::options::ExpectedStreamRevision::Any(Empty {})),
    };
    client.streams.tombstone(TombstoneReq { options: Some(options) }).await.map(|_| ())
}

async fn read(client: &mut Client, stream: &str) -> Result<Vec<Content>, Status> {
    client.read(stream, RevisionOption::Start(Empty {}), Forwards, 100).await
}

#[tokio::test]
async fn a_deleted_stream_is_not_found_and_begins_anew_with_the_next_revision() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let first = ids(3);
    client.append("page-1", NO_STREAM, &first).await.unwrap();
    delete(&mut client, "page-1", Some(2)).await.unwrap();
    assert!(matches!(read(&mut client, "page-1").await.unwrap()[..], [Content::StreamNotFound(_)]));
    let refused = client.append("page-1", STREAM_EXISTS, &ids(1)).await.unwrap_err();
    assert_eq!(trailer(&refused, "exception"), Some("stream-deleted"));

    let anew = client.append("page-1", NO_STREAM, &ids(2)).await.unwrap();
    assert!(matches!(anew, Outcome::At { revision: 4, .. }), "{anew:?}");
    let contents = read(&mut client, "page-1").await.unwrap();
    assert_eq!(places(&contents), [("page-1".to_owned(), 3), ("page-1".to_owned(), 4)]);
    // The stream exists again, so the server refuses a new append that expects no stream. It still recognises the
    // events from before the deletion.
    assert_eq!(client.append("page-1", NO_STREAM, &ids(1)).await.unwrap(), Outcome::Conflict);
    let repeated = client.append("page-1", NO_STREAM, &first).await.unwrap();
    assert!(matches!(repeated, Outcome::At { revision: 2, .. }));
    // A read of all streams still shows the deleted events.
    let all = client.read_all(beginning(), Forwards, 100).await.unwrap();
    assert_eq!(places(&all).iter().filter(|(stream, _)| stream == "page-1").count(), 5);
}

#[tokio::test]
async fn a_follower_of_a_deleted_stream_goes_on_with_what_comes_after() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", NO_STREAM, &ids(2)).await.unwrap();
    delete(&mut client, "page-1", None).await.unwrap();
    client.append("page-1", ANY, &ids(1)).await.unwrap();
    let mut subscription = client.subscribe_to("page-1", RevisionOption::Start(Empty {})).await.unwrap();
    assert_eq!(places(&until_caught_up(&mut subscription).await), [("page-1".to_owned(), 2)]);
}

#[tokio::test]
async fn what_is_not_there_or_is_elsewhere_cannot_be_deleted() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let refused = delete(&mut client, "page-1", None).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(trailer(&refused, "exception"), Some("wrong-expected-version"));
    client.append("page-1", NO_STREAM, &ids(3)).await.unwrap();
    let refused = delete(&mut client, "page-1", Some(1)).await.unwrap_err();
    assert_eq!(trailer(&refused, "expected-version"), Some("1"));
    assert_eq!(trailer(&refused, "actual-version"), Some("2"));
}

#[tokio::test]
async fn a_tombstoned_stream_is_closed_for_ever() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", NO_STREAM, &ids(1)).await.unwrap();
    let mut follower = client.subscribe_to("page-1", RevisionOption::Start(Empty {})).await.unwrap();
    until_caught_up(&mut follower).await;
    tombstone(&mut client, "page-1").await.unwrap();
    for refused in [
        client.append("page-1", ANY, &ids(1)).await.unwrap_err(),
        client.append("page-1", exact(0), &ids(1)).await.unwrap_err(),
        read(&mut client, "page-1").await.unwrap_err(),
        delete(&mut client, "page-1", None).await.unwrap_err(),
        tombstone(&mut client, "page-1").await.unwrap_err(),
        follower.message().await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(trailer(&refused, "exception"), Some("stream-deleted"));
        assert_eq!(trailer(&refused, "stream-name"), Some("page-1"));
    }
    // A subscription to all streams receives the tombstone as an event. Its stream is not a system stream.
    let mut subscription = client.subscribe(beginning(), no_filter()).await.unwrap();
    let all = until_caught_up(&mut subscription).await;
    assert_eq!(places(&all).last(), Some(&("page-1".to_owned(), i64::MAX.unsigned_abs())));
}
