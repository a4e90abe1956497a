//! Handles Append, which writes all events to one stream or none of them. A version conflict is a reply. Every other
//! failure is an error.
//!
//! The server commits nothing before the whole request has arrived.

use tonic::{Status, Streaming};

use super::wire::{new_event, stream_name};
use crate::node::Node;
use crate::protocol::Empty;
use crate::protocol::streams::append_req::options::ExpectedStreamRevision;
use crate::protocol::streams::append_req::{Content, Options};
use crate::protocol::streams::append_resp::success::{CurrentRevisionOption, PositionOption};
use crate::protocol::streams::append_resp::wrong_expected_version::{
    CurrentRevisionOption as Current, CurrentRevisionOption2060 as Current2060,
    ExpectedRevisionOption as Wanted, ExpectedRevisionOption2060 as Wanted2060,
};
use crate::protocol::streams::append_resp::{Position, Result as Outcome, Success, WrongExpectedVersion};
use crate::protocol::streams::{AppendReq, AppendResp};
use crate::refusal::{malformed, storage_failed, stream_deleted, too_large};
use crate::store::{Appended, Expected, NewEvent, Refused, StreamName};

/// The value that tells older clients that the writer expected no stream.
const NO_STREAM_2060: u64 = u64::MAX;

pub(super) async fn append(node: &Node, mut requests: Streaming<AppendReq>) -> Result<AppendResp, Status> {
    let (stream, expected) = receive_options(&mut requests).await?;
    let events = receive_events(&mut requests, node.max_append_bytes).await?;
    let loss = node.admit_write().await?;
    let outcome = node.store.append(&stream, expected, events);
    node.acknowledge(loss).await?;
    let result = match outcome {
        Ok(appended) => Outcome::Success(success(appended)),
        Err(Refused::Conflict { current }) => Outcome::WrongExpectedVersion(conflict(expected, current)),
        Err(Refused::Deleted) => return Err(stream_deleted(&stream)),
        Err(Refused::File(_)) => return Err(storage_failed()),
    };
    Ok(AppendResp { result: Some(result) })
}

async fn receive_options(requests: &mut Streaming<AppendReq>) -> Result<(StreamName, Expected), Status> {
    let first = requests.message().await?.and_then(|request| request.content);
    let Some(Content::Options(Options { stream_identifier, expected_stream_revision })) = first else {
        return Err(malformed("it does not begin with options"));
    };
    let expected = match expected_stream_revision {
        Some(ExpectedStreamRevision::Revision(revision)) => Expected::Exact(revision),
        Some(ExpectedStreamRevision::NoStream(_)) => Expected::NoStream,
        Some(ExpectedStreamRevision::Any(_)) => Expected::Any,
        Some(ExpectedStreamRevision::StreamExists(_)) => Expected::StreamExists,
        None => return Err(malformed("no revision is expected")),
    };
    Ok((stream_name(stream_identifier)?, expected))
}

/// Receives all events. The size limit bounds the loop, even if the request never ends.
async fn receive_events(
    requests: &mut Streaming<AppendReq>,
    limit_bytes: usize,
) -> Result<Vec<NewEvent>, Status> {
    let (mut events, mut size_bytes) = (Vec::new(), 0);
    while let Some(request) = requests.message().await? {
        let Some(Content::ProposedMessage(proposed)) = request.content else {
            return Err(malformed("options come twice"));
        };
        let event = new_event(proposed.id, proposed.metadata, proposed.custom_metadata, proposed.data)?;
        size_bytes += event.size_bytes();
        if size_bytes > limit_bytes {
            return Err(too_large(limit_bytes));
        }
        events.push(event);
    }
    Ok(events)
}

fn success(appended: Appended) -> Success {
    let revision = match appended.revision {
        Some(revision) => CurrentRevisionOption::CurrentRevision(revision),
        None => CurrentRevisionOption::NoStream(Empty {}),
    };
    let position = match appended.position {
        Some(at) => {
            PositionOption::Position(Position { commit_position: at.commit, prepare_position: at.prepare })
        }
        None => PositionOption::NoPosition(Empty {}),
    };
    Success { current_revision_option: Some(revision), position_option: Some(position) }
}

fn conflict(expected: Expected, current: Option<u64>) -> WrongExpectedVersion {
    let (current, current_2060) = match current {
        Some(current) => (Current::CurrentRevision(current), Current2060::CurrentRevision2060(current)),
        None => (Current::CurrentNoStream(Empty {}), Current2060::NoStream2060(Empty {})),
    };
    let (wanted, wanted_2060) = match expected {
        Expected::Any => (Wanted::ExpectedAny(Empty {}), Wanted2060::Any2060(Empty {})),
        Expected::NoStream => {
            (Wanted::ExpectedNoStream(Empty {}), Wanted2060::ExpectedRevision2060(NO_STREAM_2060))
        }
        Expected::StreamExists => {
            (Wanted::ExpectedStreamExists(Empty {}), Wanted2060::StreamExists2060(Empty {}))
        }
        Expected::Exact(revision) => {
            (Wanted::ExpectedRevision(revision), Wanted2060::ExpectedRevision2060(revision))
        }
    };
    WrongExpectedVersion {
        current_revision_option_20_6_0: Some(current_2060),
        expected_revision_option_20_6_0: Some(wanted_2060),
        current_revision_option: Some(current),
        expected_revision_option: Some(wanted),
    }
}
