//! Tests expected revisions, repeated appends, and refused appends.

use daybook_log_server::protocol::Empty;
use daybook_log_server::protocol::streams::append_resp::wrong_expected_version::{
    CurrentRevisionOption, ExpectedRevisionOption,
};
use daybook_log_server::protocol::streams::{AppendReq, append_req, append_resp};
use daybook_log_server::{Options, Server};
use futures_util::stream;
use tonic::Code;
use uuid::Uuid;

use crate::client::{
    ANY, Client, NO_STREAM, Outcome, STREAM_EXISTS, exact, identifier, ids, proposed, trailer,
};

#[tokio::test]
async fn an_append_is_taken_where_the_stream_is_as_expected() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    assert_eq!(client.append("page-1", exact(0), &ids(1)).await.unwrap(), Outcome::Conflict);
    assert_eq!(client.append("page-1", STREAM_EXISTS, &ids(1)).await.unwrap(), Outcome::Conflict);
    let Outcome::At { revision: 1, commit: first } =
        client.append("page-1", NO_STREAM, &ids(2)).await.unwrap()
    else {
        panic!("two events");
    };
    assert_eq!(client.append("page-1", NO_STREAM, &ids(1)).await.unwrap(), Outcome::Conflict);
    assert_eq!(client.append("page-1", exact(0), &ids(1)).await.unwrap(), Outcome::Conflict);
    let Outcome::At { revision: 2, commit: second } =
        client.append("page-1", exact(1), &ids(1)).await.unwrap()
    else {
        panic!("one more");
    };
    assert!(second > first + 1, "positions are offsets and have gaps");
    assert!(matches!(client.append("page-1", ANY, &ids(1)).await.unwrap(), Outcome::At { revision: 3, .. }));
    let exists = client.append("page-1", STREAM_EXISTS, &ids(1)).await.unwrap();
    assert!(matches!(exists, Outcome::At { revision: 4, .. }));
}

#[tokio::test]
async fn the_same_append_again_is_answered_like_the_first_time_and_writes_nothing() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let (first, second) = (ids(2), ids(1));
    let at_first = client.append("page-1", NO_STREAM, &first).await.unwrap();
    let at_second = client.append("page-1", exact(1), &second).await.unwrap();
    client.append("page-1", ANY, &ids(3)).await.unwrap();
    let records = server.store().records().len();
    assert_eq!(client.append("page-1", NO_STREAM, &first).await.unwrap(), at_first);
    assert_eq!(client.append("page-1", exact(1), &second).await.unwrap(), at_second);
    assert_eq!(client.append("page-1", ANY, &second).await.unwrap(), at_second);
    assert_eq!(server.store().records().len(), records);

    // An append of the same ids at another revision, or of only some of them, is not a repetition.
    assert_eq!(client.append("page-1", exact(0), &second).await.unwrap(), Outcome::Conflict);
    let half = [first[0], Uuid::new_v4()];
    assert_eq!(client.append("page-1", NO_STREAM, &half).await.unwrap(), Outcome::Conflict);
    // The ids are new to another stream.
    assert!(matches!(client.append("page-2", ANY, &first).await.unwrap(), Outcome::At { revision: 1, .. }));
}

#[tokio::test]
async fn a_conflict_says_what_was_expected_and_what_is_there() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", NO_STREAM, &ids(3)).await.unwrap();
    let options = append_req::Options {
        stream_identifier: Some(identifier("page-1")),
        expected_stream_revision: Some(NO_STREAM),
    };
    let contents = [
        append_req::Content::Options(options),
        append_req::Content::ProposedMessage(proposed(Uuid::new_v4(), "Something", "{}")),
    ];
    let requests = contents.map(|content| AppendReq { content: Some(content) });
    let response = client.streams.append(stream::iter(requests)).await.unwrap().into_inner();
    let Some(append_resp::Result::WrongExpectedVersion(conflict)) = response.result else {
        panic!("a conflict");
    };
    assert_eq!(conflict.current_revision_option, Some(CurrentRevisionOption::CurrentRevision(2)));
    let expected = ExpectedRevisionOption::ExpectedNoStream(Empty {});
    assert_eq!(conflict.expected_revision_option, Some(expected));
}

#[tokio::test]
async fn an_append_over_the_limit_is_refused_as_a_whole() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let half = "x".repeat(600 * 1024);
    let events = ids(2).into_iter().map(|id| proposed(id, "Large", &half)).collect();
    let refused = client.append_events("page-1", NO_STREAM, events).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(trailer(&refused, "exception"), Some("maximum-append-size-exceeded"));
    assert_eq!(trailer(&refused, "maximum-append-size"), Some("1048576"));
    assert_eq!(client.append("page-1", STREAM_EXISTS, &ids(1)).await.unwrap(), Outcome::Conflict);
}

#[tokio::test]
async fn events_without_a_type_are_refused() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let mut event = proposed(Uuid::new_v4(), "Something", "{}");
    event.metadata.remove("type");
    let refused = client.append_events("page-1", ANY, vec![event]).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(trailer(&refused, "exception"), Some("missing-required-metadata-property"));
}
