//! Errors as the protocol has them: the status code, the text, and the trailers by which clients tell them apart.
//!
//! Codes and keys are those of the real server. Nothing of an event's data may ever get into one.

use std::net::SocketAddr;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// The trailer that names the kind of an error.
const EXCEPTION: &str = "exception";

/// What the server cannot do now, but soon.
pub(crate) fn not_ready() -> Status {
    Status::unavailable("Server Is Not Ready")
}

/// Another node leads; the trailers say where it is.
pub(crate) fn not_leader(leader: SocketAddr) -> Status {
    let (host, port) = (leader.ip().to_string(), leader.port().to_string());
    let trailers =
        [(EXCEPTION, "not-leader"), ("leader-endpoint-host", &host), ("leader-endpoint-port", &port)];
    refusal(Code::NotFound, "Leader info available", &trailers)
}

/// The server gave up waiting; whether the append is there cannot be told from this.
pub(crate) fn timed_out() -> Status {
    Status::aborted("Operation timed out: waiting for the write to be committed")
}

/// The server is gone before it could say what became of the request.
pub(crate) fn lost() -> Status {
    Status::unavailable("Server Is Shutting Down")
}

pub(crate) fn stream_deleted(stream: &str) -> Status {
    let text = format!("Event stream '{stream}' is deleted.");
    let trailers = [(EXCEPTION, "stream-deleted"), ("stream-name", stream)];
    refusal(Code::FailedPrecondition, &text, &trailers)
}

/// Only of deletions: for an append this is a reply and no error.
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

/// A request that no client should send.
pub(crate) fn malformed(what: &str) -> Status {
    Status::invalid_argument(format!("The request is malformed: {what}"))
}

/// The file behind the log failed.
pub(crate) fn storage_failed() -> Status {
    Status::internal("The log could not be written")
}

fn refusal(code: Code, text: &str, trailers: &[(&'static str, &str)]) -> Status {
    let mut metadata = MetadataMap::new();
    for (key, value) in trailers {
        // A stream's name may hold what a header cannot; the text has it then.
        if let Ok(value) = MetadataValue::try_from(*value) {
            metadata.insert(*key, value);
        }
    }
    Status::with_metadata(code, text, metadata)
}
