//! Handles BatchAppend: many appends in one call. Each append has an id, and its reply carries the same id.
//!
//! The server executes an append when its last part arrives. A failed append must not affect the others.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use prost::Message;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use super::wire::{new_event, stream_identifier, stream_name, structured_uuid, uuid};
use crate::node::Node;
use crate::protocol::google::protobuf::{Any, Empty};
use crate::protocol::google::rpc::Status as Failure;
use crate::protocol::streams::batch_append_req::options::ExpectedStreamPosition;
use crate::protocol::streams::batch_append_req::{Options, ProposedMessage};
use crate::protocol::streams::batch_append_resp::success::{CurrentRevisionOption, PositionOption};
use crate::protocol::streams::batch_append_resp::{Result as Outcome, Success};
use crate::protocol::streams::{BatchAppendReq, BatchAppendResp};
use crate::protocol::wrong_expected_version::{
    CurrentStreamRevisionOption as Current, ExpectedStreamPositionOption as Wanted,
};
use crate::protocol::{
    AllStreamPosition, BadRequest, MaximumAppendSizeExceeded, StreamDeleted, Unknown, WrongExpectedVersion,
};
use crate::refusal::malformed;
use crate::store::{Appended, Expected, NewEvent, Refused, StreamName};

/// The maximum number of incomplete appends in one call.
const MAX_INCOMPLETE: usize = 1_000;

/// The URL prefix for the types of error details.
const TYPES: &str = "type.googleapis.com/event_store.client";

/// An append that is still missing some of its parts.
#[derive(Debug)]
struct Incomplete {
    stream: StreamName,
    expected: Expected,
    events: Vec<NewEvent>,
    size_bytes: usize,
}

struct Batch {
    node: Arc<Node>,
    requests: Streaming<BatchAppendReq>,
    incomplete: HashMap<Uuid, Incomplete>,
    broken: bool,
}

/// Returns the replies, in the order in which the appends become complete.
pub(super) fn replies(
    node: Arc<Node>,
    requests: Streaming<BatchAppendReq>,
) -> BoxStream<'static, Result<BatchAppendResp, Status>> {
    let batch = Batch { node, requests, incomplete: HashMap::new(), broken: false };
    stream::unfold(batch, |mut batch| async {
        if batch.broken {
            return None;
        }
        let reply = batch.next().await.transpose()?;
        batch.broken = reply.is_err();
        Some((reply, batch))
    })
    .boxed()
}

impl Batch {
    /// Returns the next reply, or `None` if the client has no more appends.
    async fn next(&mut self) -> Result<Option<BatchAppendResp>, Status> {
        while let Some(request) = self.requests.message().await? {
            let id = uuid(request.correlation_id.clone())?;
            let stream_identifier = request.options.clone().and_then(|options| options.stream_identifier);
            let outcome = match self.receive(id, request) {
                Ok(None) => continue,
                Ok(Some(append)) => carry_out(&self.node, id, append).await?,
                Err(failure) => reply(id, Outcome::Error(failure)),
            };
            return Ok(Some(BatchAppendResp {
                stream_identifier: outcome.stream_identifier.or(stream_identifier),
                ..outcome
            }));
        }
        Ok(None)
    }

    /// Adds a part. Returns the append if this part was the last one.
    fn receive(&mut self, id: Uuid, request: BatchAppendReq) -> Result<Option<Incomplete>, Failure> {
        if let Some(options) = request.options {
            if self.incomplete.len() >= MAX_INCOMPLETE {
                return Err(bad_request(&malformed("too many appends are incomplete")));
            }
            let begun = begin(options).map_err(|status| bad_request(&status))?;
            self.incomplete.entry(id).or_insert(begun);
        }
        // Like the real server, ignore parts of appends that were refused before or never started.
        let Some(append) = self.incomplete.get_mut(&id) else { return Ok(None) };
        let limit_bytes = self.node.max_append_bytes;
        let added = add(append, request.proposed_messages, limit_bytes);
        if added.is_err() || request.is_final {
            let append = self.incomplete.remove(&id);
            return added.map(|()| append);
        }
        Ok(None)
    }
}

async fn carry_out(node: &Node, id: Uuid, append: Incomplete) -> Result<BatchAppendResp, Status> {
    let Incomplete { stream, expected, events, .. } = append;
    let loss = node.admit_write().await?;
    let appended = node.store.append(&stream, expected, events);
    node.acknowledge(loss).await?;
    let outcome = match appended {
        Ok(appended) => Outcome::Success(success(appended)),
        Err(refused) => Outcome::Error(failure(&stream, expected, &refused)),
    };
    Ok(BatchAppendResp { stream_identifier: Some(stream_identifier(&stream)), ..reply(id, outcome) })
}

fn begin(options: Options) -> Result<Incomplete, Status> {
    let expected = match options.expected_stream_position {
        Some(ExpectedStreamPosition::StreamPosition(revision)) => Expected::Exact(revision),
        Some(ExpectedStreamPosition::NoStream(_)) => Expected::NoStream,
        Some(ExpectedStreamPosition::Any(_)) => Expected::Any,
        Some(ExpectedStreamPosition::StreamExists(_)) => Expected::StreamExists,
        None => return Err(malformed("no revision is expected")),
    };
    let stream = stream_name(options.stream_identifier)?;
    Ok(Incomplete { stream, expected, events: Vec::new(), size_bytes: 0 })
}

fn add(append: &mut Incomplete, part: Vec<ProposedMessage>, limit_bytes: usize) -> Result<(), Failure> {
    for proposed in part {
        let event = new_event(proposed.id, proposed.metadata, proposed.custom_metadata, proposed.data)
            .map_err(|status| bad_request(&status))?;
        append.size_bytes += event.size_bytes();
        append.events.push(event);
    }
    if append.size_bytes > limit_bytes {
        let limit = u32::try_from(limit_bytes).unwrap_or(u32::MAX);
        let details = MaximumAppendSizeExceeded { max_append_size: limit };
        return Err(described(Code::InvalidArgument, "MaximumAppendSizeExceeded", &details));
    }
    Ok(())
}

fn reply(id: Uuid, result: Outcome) -> BatchAppendResp {
    BatchAppendResp {
        correlation_id: Some(structured_uuid(id)),
        result: Some(result),
        stream_identifier: None,
        expected_stream_position: None,
    }
}

fn success(appended: Appended) -> Success {
    let revision = match appended.revision {
        Some(revision) => CurrentRevisionOption::CurrentRevision(revision),
        None => CurrentRevisionOption::NoStream(Empty {}),
    };
    let position = match appended.position {
        Some(at) => PositionOption::Position(AllStreamPosition {
            commit_position: at.commit,
            prepare_position: at.prepare,
        }),
        None => PositionOption::NoPosition(Empty {}),
    };
    Success { current_revision_option: Some(revision), position_option: Some(position) }
}

fn failure(stream: &str, expected: Expected, refused: &Refused) -> Failure {
    match refused {
        Refused::Conflict { current } => {
            described(Code::AlreadyExists, "WrongExpectedVersion", &conflict(expected, *current))
        }
        Refused::Deleted => {
            let details = StreamDeleted { stream_identifier: Some(stream_identifier(stream)) };
            described(Code::NotFound, "StreamDeleted", &details)
        }
        Refused::File(_) => described(Code::Unknown, "Unknown", &Unknown {}),
    }
}

fn conflict(expected: Expected, current: Option<u64>) -> WrongExpectedVersion {
    let current = match current {
        Some(revision) => Current::CurrentStreamRevision(revision),
        None => Current::CurrentNoStream(Empty {}),
    };
    let wanted = match expected {
        Expected::Any => Wanted::ExpectedAny(Empty {}),
        Expected::NoStream => Wanted::ExpectedNoStream(Empty {}),
        Expected::StreamExists => Wanted::ExpectedStreamExists(Empty {}),
        Expected::Exact(revision) => Wanted::ExpectedStreamPosition(revision),
    };
    WrongExpectedVersion {
        current_stream_revision_option: Some(current),
        expected_stream_position_option: Some(wanted),
    }
}

fn bad_request(status: &Status) -> Failure {
    let details = BadRequest { message: status.message().to_owned() };
    described(Code::InvalidArgument, "BadRequest", &details)
}

/// Creates a failure. `name` is both the type of the details and the text.
fn described(code: Code, name: &str, details: &impl Message) -> Failure {
    let details = Any { type_url: format!("{TYPES}.{name}"), value: Bytes::from(details.encode_to_vec()) };
    Failure { code: i32::from(code), message: name.to_owned(), details: Some(details) }
}
