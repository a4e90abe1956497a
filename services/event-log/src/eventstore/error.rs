//! What the client reports, and what it means for an operation.

use std::time::Duration;

use eventstore::{CurrentRevision, Error as ClientError};

use crate::port::{ReadError, Revision};

/// Why EventStoreDB did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EventStoreError {
    /// The client or the server says no, or cannot be reached.
    #[error("EventStoreDB, or the way to it, failed")]
    Client(#[source] ClientError),
    /// Nothing came in time.
    #[error("EventStoreDB did not answer within {} s", .0.as_secs())]
    Deadline(Duration),
    /// An event could not be written out for the client.
    #[error("an event could not be written out")]
    Event(#[source] serde_json::Error),
}

/// What a failure says about an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppendFailure {
    /// Nothing was appended: the stream ends elsewhere.
    Conflict(Option<Revision>),
    /// Nothing was appended: it is too large.
    TooLarge,
    /// Nothing was appended, because the append did not reach who could take it. Try again.
    NotTaken,
    /// It may have been appended. Try again with the same ids.
    Unknown,
    /// Nothing was appended, and trying again will not help.
    Refused,
}

/// Part of the message by which a server refuses a large append.
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

    /// Whether the same may go well a moment later.
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
        // Without a node that leads, a server that does not lead names none.
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

/// What a failure says about the client itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It works; the answer was a no.
    Healthy,
    /// Its node is in trouble, or it is.
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
