//! Handles Delete, which hides a stream until the next append to it, and Tombstone, which closes a stream
//! permanently.

use tonic::Status;

use super::wire::stream_name;
use crate::node::Node;
use crate::protocol::streams::delete_req::options::ExpectedStreamRevision as ForDeletion;
use crate::protocol::streams::tombstone_req::options::ExpectedStreamRevision as ForTombstone;
use crate::protocol::streams::{
    DeleteReq, DeleteResp, TombstoneReq, TombstoneResp, delete_resp, tombstone_resp,
};
use crate::refusal::{malformed, storage_failed, stream_deleted, wrong_expected_version};
use crate::store::{Expected, Refused};

pub(super) async fn delete(node: &Node, request: DeleteReq) -> Result<DeleteResp, Status> {
    let options = request.options.ok_or_else(|| malformed("options are missing"))?;
    let stream = stream_name(options.stream_identifier)?;
    let expected = match options.expected_stream_revision {
        Some(ForDeletion::Revision(revision)) => Expected::Exact(revision),
        Some(ForDeletion::NoStream(_)) => Expected::NoStream,
        Some(ForDeletion::Any(_)) => Expected::Any,
        Some(ForDeletion::StreamExists(_)) => Expected::StreamExists,
        None => return Err(malformed("no revision is expected")),
    };
    let loss = node.admit_write().await?;
    let outcome = node.store.delete(&stream, expected);
    node.acknowledge(loss).await?;
    let at = outcome.map_err(|refused| refusal(&stream, expected, &refused))?;
    let position = delete_resp::Position { commit_position: at.commit, prepare_position: at.prepare };
    Ok(DeleteResp { position_option: Some(delete_resp::PositionOption::Position(position)) })
}

pub(super) async fn tombstone(node: &Node, request: TombstoneReq) -> Result<TombstoneResp, Status> {
    let options = request.options.ok_or_else(|| malformed("options are missing"))?;
    let stream = stream_name(options.stream_identifier)?;
    let expected = match options.expected_stream_revision {
        Some(ForTombstone::Revision(revision)) => Expected::Exact(revision),
        Some(ForTombstone::NoStream(_)) => Expected::NoStream,
        Some(ForTombstone::Any(_)) => Expected::Any,
        Some(ForTombstone::StreamExists(_)) => Expected::StreamExists,
        None => return Err(malformed("no revision is expected")),
    };
    let loss = node.admit_write().await?;
    let outcome = node.store.tombstone(&stream, expected);
    node.acknowledge(loss).await?;
    let at = outcome.map_err(|refused| refusal(&stream, expected, &refused))?;
    let position = tombstone_resp::Position { commit_position: at.commit, prepare_position: at.prepare };
    Ok(TombstoneResp { position_option: Some(tombstone_resp::PositionOption::Position(position)) })
}

/// Converts a refusal. Unlike for an append, a version conflict is an error here.
fn refusal(stream: &str, expected: Expected, refused: &Refused) -> Status {
    match refused {
        Refused::Conflict { current } => {
            let actual = current.map_or(-1, u64::cast_signed);
            wrong_expected_version(stream, version(expected), actual)
        }
        Refused::Deleted => stream_deleted(stream),
        Refused::File(_) => storage_failed(),
    }
}

/// The number with which the real server reports an expected version.
fn version(expected: Expected) -> i64 {
    match expected {
        Expected::Any => -2,
        Expected::NoStream => -1,
        Expected::StreamExists => -4,
        Expected::Exact(revision) => revision.cast_signed(),
    }
}
