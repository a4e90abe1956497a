//! Tests batches: replies with the ids of their appends, appends in several parts, and isolated errors.

use daybook_log_server::protocol::google::protobuf::Empty;
use daybook_log_server::protocol::streams::BatchAppendReq;
use daybook_log_server::protocol::streams::batch_append_req::options::ExpectedStreamPosition;
use daybook_log_server::protocol::streams::batch_append_req::{Options as BatchOptions, ProposedMessage};
use daybook_log_server::protocol::streams::batch_append_resp::Result as Outcome;
use daybook_log_server::protocol::streams::batch_append_resp::success::CurrentRevisionOption;
use daybook_log_server::protocol::{Uuid as WireUuid, uuid::Value};
use daybook_log_server::{Options, Server};
use futures_util::stream;
use tonic::Code;
use uuid::Uuid;

use crate::client::{Client, identifier, proposed};

fn part(id: u128, stream: Option<&str>, data: &str, is_final: bool) -> BatchAppendReq {
    let event = proposed(Uuid::new_v4(), "Something", data);
    let options = stream.map(|stream| BatchOptions {
        stream_identifier: Some(identifier(stream)),
        expected_stream_position: Some(ExpectedStreamPosition::NoStream(Empty {})),
        deadline_option: None,
    });
    BatchAppendReq {
        correlation_id: Some(wire(id)),
        options,
        proposed_messages: vec![ProposedMessage {
            id: event.id,
            metadata: event.metadata,
            custom_metadata: event.custom_metadata,
            data: event.data,
        }],
        is_final,
    }
}

fn wire(id: u128) -> WireUuid {
    WireUuid { value: Some(Value::String(Uuid::from_u128(id).to_string())) }
}

fn number(id: Option<WireUuid>) -> u64 {
    let Some(Value::Structured(halves)) = id.and_then(|id| id.value) else { panic!("an id in halves") };
    halves.least_significant_bits.cast_unsigned()
}

#[tokio::test]
async fn appends_of_a_batch_are_answered_one_by_one_and_fail_one_by_one() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let large = "x".repeat(1024 * 1024);
    let requests = vec![
        part(1, Some("page-1"), "{}", false),
        part(2, Some("page-2"), "{}", true),
        part(1, None, "{}", true),
        part(3, Some("page-2"), "{}", true),
        part(4, Some("page-3"), &large, true),
        part(5, Some("page-4"), "{}", true),
    ];
    let mut replies = client.streams.batch_append(stream::iter(requests)).await.unwrap().into_inner();
    let mut outcomes = Vec::new();
    while let Some(reply) = replies.message().await.unwrap() {
        let stream = reply.stream_identifier.unwrap().stream_name;
        let outcome = match reply.result.unwrap() {
            Outcome::Success(success) => Ok(success.current_revision_option.unwrap()),
            Outcome::Error(error) => Err((error.code, error.message)),
        };
        outcomes.push((number(reply.correlation_id), String::from_utf8(stream.into()).unwrap(), outcome));
    }
    let revision = |revision| Ok(CurrentRevisionOption::CurrentRevision(revision));
    let error = |code: Code, text: &str| Err((i32::from(code), text.to_owned()));
    assert_eq!(
        outcomes,
        [
            (2, "page-2".to_owned(), revision(0)),
            (1, "page-1".to_owned(), revision(1)),
            (3, "page-2".to_owned(), error(Code::AlreadyExists, "WrongExpectedVersion")),
            (4, "page-3".to_owned(), error(Code::InvalidArgument, "MaximumAppendSizeExceeded")),
            (5, "page-4".to_owned(), revision(0)),
        ]
    );
}
