//! The protocol's errors: the status code, the text, and the trailers with which clients distinguish them.
//!
//! Codes and keys match the real server. An error must never contain an event's data.

use std::net::SocketAddr;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// The trailer that names the kind of error.
const EXCEPTION: &str = "exception";

/// The server cannot handle the request yet, but will soon.
pub(crate) fn not_ready() -> Status {
    Status::unavailable("Server Is Not Ready")
}

/// Another node is the leader. The trailers contain its address.
pub(crate) fn not_leader(leader: SocketAddr) -> Status {
    let (host, port) = (leader.ip().to_string(), leader.port().to_string());
    let trailers =
        [(EXCEPTION, "not-leader"), ("leader-endpoint-host", &host), ("leader-endpoint-port", &port)];
    refusal(Code::NotFound, "Leader info available", &trailers)
}

/// The server timed out. The client cannot tell whether the append was written.
pub(crate) fn timed_out() -> Status {
    Status::aborted("Operation timed out: waiting for the write to be committed")
}

/// The server stopped before it could report the request's outcome.
pub(crate) fn lost() -> Status {
    Status::unavailable("Server Is Shutting Down")
}

pub(crate) fn stream_deleted(stream: &str) -> Status {
    let text = format!("Event stream '{stream}' is deleted.");
    let trailers = [(EXCEPTION, "stream-deleted"), ("stream-name", stream)];
    refusal(Code::FailedPrecondition, &text, &trailers)
}

/// For deletions only: an append reports a wrong version in its reply, not as an error.
pub(crate) fn wrong_expected_version(stream: &str, expected: i64, actual: i64) -> Status {
    let text = format!(
        "Delete failed due to WrongExpectedVersion. Stream: {stream}, Expected version: {expected}, Actual version: \
         {actual}"
    );
    let (expected, actual) = (expected.to_string(), actual.to_string());
    let trailers = [
        (EXCEPTION, "wrong-expected-version"),
        ("stream-name", stream),
        ("expected-version", &expected),
        ("actual-version", &actual),
    ];
    refusal(Code::FailedPrecondition, &text, &trailers)
}

pub(crate) fn too_large(limit_bytes: usize) -> Status {
    let limit = limit_bytes.to_string();
    let trailers = [(EXCEPTION, "maximum-append-size-exceeded"), ("maximum-append-size", limit.as_str())];
    refusal(Code::InvalidArgument, &format!("Maximum Append Size of {limit} Exceeded."), &trailers)
}

pub(crate) fn missing_property(name: &str) -> Status {
    let text = format!("Required Metadata Property '{name}' is missing");
    let trailers = [
        (EXCEPTION, "missing-required-metadata-property"),
        ("required-metadata-properties", "type,content-type"),
    ];
    refusal(Code::InvalidArgument, &text, &trailers)
}

pub(crate) fn invalid_position() -> Status {
    Status::invalid_argument("Trying to read from an invalid position.")
}

/// The request violates the protocol.
pub(crate) fn malformed(what: &str) -> Status {
    Status::invalid_argument(format!("The request is malformed: {what}"))
}

/// Writing the log's file failed.
pub(crate) fn storage_failed() -> Status {
    Status::internal("The log could not be written")
}

fn refusal(code: Code, text: &str, trailers: &[(&'static str, &str)]) -> Status {
    let mut metadata = MetadataMap::new();
    for (key, value) in trailers {
        // A stream's name can contain characters that a header cannot. The text still contains the name.
        if let Ok(value) = MetadataValue::try_from(*value) {
            metadata.insert(*key, value);
        }
    }
    Status::with_metadata(code, text, metadata)
}
