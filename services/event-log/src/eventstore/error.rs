//! Errors of the client, and what they mean for an append and for the client itself.

use std::time::Duration;

use eventstore::{CurrentRevision, Error as ClientError};

use crate::port::{ReadError, Revision};

/// Why EventStoreDB did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EventStoreError {
    /// The server refused, or cannot be reached.
    #[error("EventStoreDB refused the request or cannot be reached")]
    Client(#[source] ClientError),
    /// No answer within this time.
    #[error("EventStoreDB did not answer within {} s", .0.as_secs())]
    Deadline(Duration),
    /// The client could not encode an event.
    #[error("an event could not be encoded for EventStoreDB")]
    Event(#[source] serde_json::Error),
}

/// What an error means for an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppendFailure {
    /// Nothing was appended: the stream ends elsewhere.
    Conflict(Option<Revision>),
    /// Nothing was appended: it is too large.
    TooLarge,
    /// Nothing was appended: the request reached no node that accepts appends. Retry.
    NotTaken,
    /// It may have been appended. Retry with the same ids.
    Unknown,
    /// Nothing was appended, and a retry would not help.
    Refused,
}

/// Parts of the message with which a server refuses a large append.
const TOO_LARGE: &str = "maximum-append-size";
const TOO_LARGE_IN_WORDS: &str = "maximum append size";

impl EventStoreError {
    pub(super) fn append_failure(&self) -> AppendFailure {
        match self {
            Self::Client(error) => append_failure_of(error),
            Self::Deadline(_) => AppendFailure::Unknown,
            Self::Event(_) => AppendFailure::Refused,
        }
    }

    /// Whether a retry may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self.append_failure() {
            AppendFailure::NotTaken | AppendFailure::Unknown => true,
            AppendFailure::Conflict(_) | AppendFailure::TooLarge | AppendFailure::Refused => false,
        }
    }

    pub(super) fn into_read(self) -> ReadError {
        ReadError::Unavailable(Box::new(self))
    }
}

fn append_failure_of(error: &ClientError) -> AppendFailure {
    match error {
        ClientError::WrongExpectedVersion { current, .. } => AppendFailure::Conflict(match current {
            CurrentRevision::Current(revision) => Revision::new(*revision).ok(),
            CurrentRevision::NoStream => None,
        }),
        // During an election, a follower node reports no leader.
        ClientError::NotLeaderException(_)
        | ClientError::ResourceNotFound
        | ClientError::ConnectionClosed
        | ClientError::GrpcConnectionError(_)
        | ClientError::InitializationError(_) => AppendFailure::NotTaken,
        ClientError::Grpc { message, .. } => {
            let message = message.to_lowercase();
            let is_size = message.contains(TOO_LARGE) || message.contains(TOO_LARGE_IN_WORDS);
            if is_size { AppendFailure::TooLarge } else { AppendFailure::Unknown }
        }
        ClientError::ServerError(_)
        | ClientError::DeadlineExceeded
        | ClientError::InternalParsingError(_)
        | ClientError::InternalClientError
        | ClientError::IllegalStateError(_) => AppendFailure::Unknown,
        ClientError::AccessDenied
        | ClientError::ResourceAlreadyExists
        | ClientError::ResourceDeleted
        | ClientError::UnsupportedFeature => AppendFailure::Refused,
    }
}

/// What an error means for the client itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It works: the server refused the request.
    Healthy,
    /// The client or its node may be failing.
    Suspect,
    /// It will never work again.
    Dead,
}

impl EventStoreError {
    pub(super) fn health(&self) -> Health {
        match self {
            Self::Event(_) => Health::Healthy,
            Self::Deadline(_) => Health::Suspect,
            Self::Client(error) => health_after(error),
        }
    }
}

fn health_after(error: &ClientError) -> Health {
    match error {
        ClientError::ConnectionClosed
        | ClientError::GrpcConnectionError(_)
        | ClientError::InitializationError(_) => Health::Dead,
        ClientError::ServerError(_)
        | ClientError::Grpc { .. }
        | ClientError::DeadlineExceeded
        | ClientError::NotLeaderException(_)
        | ClientError::InternalParsingError(_)
        | ClientError::InternalClientError
        | ClientError::IllegalStateError(_) => Health::Suspect,
        ClientError::WrongExpectedVersion { .. }
        | ClientError::AccessDenied
        | ClientError::ResourceAlreadyExists
        | ClientError::ResourceNotFound
        | ClientError::ResourceDeleted
        | ClientError::UnsupportedFeature => Health::Healthy,
    }
}
