//! What PostgreSQL or the way to it can answer instead of what was asked.
//!
//! A server's details and messages about values quote rows, so they are left out: an error must not say what an event
//! says.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::binary::BrokenCopy;
use crate::port::{AppendError, InvalidAppend, ReadError};

/// Why PostgreSQL did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server refused the statement.
    #[error("PostgreSQL refused: {message} (SQLSTATE {code})", code = code.code())]
    Refused {
        /// PostgreSQL's code.
        code: SqlState,
        /// PostgreSQL's words, where they cannot quote a value.
        message: String,
    },
    /// The connection could not be made or was lost.
    #[error("no connection to PostgreSQL")]
    Connection(#[source] tokio_postgres::Error),
    /// No connection of the pool became free, or none could be made.
    #[error("the pool gave no connection to PostgreSQL")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer within the time that was allowed.
    #[error("PostgreSQL did not answer within {0:?}")]
    Deadline(Duration),
    /// An earlier failure, reported to everybody whom it concerns.
    #[error(transparent)]
    Shared(Arc<PostgresError>),
    /// The database takes no writes: it is a standby, or was set to be read only.
    #[error("PostgreSQL is read only")]
    ReadOnly,
    /// Somebody writes events without the lock under which positions are given.
    #[error("events were written past the lock of the event log")]
    LockIgnored,
    /// What it sent is not what was asked for.
    #[error(transparent)]
    Broken(#[from] BrokenCopy),
    /// The task that served the log has ended.
    #[error("the log was closed")]
    Closed,
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            return Self::Connection(error);
        };
        let code = refusal.code().clone();
        let message = if is_about_values(&code) { "a value does not fit" } else { refusal.message() };
        Self::Refused { code, message: message.to_owned() }
    }
}

impl From<deadpool_postgres::PoolError> for PostgresError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        if let deadpool_postgres::PoolError::Backend(error) = error {
            return error.into();
        }
        Self::Pool(Box::new(error))
    }
}

/// Classes 22 (data exception), 23 (integrity constraint violation) and 54 (program limit exceeded). Not a key that is
/// taken: positions and revisions are ours to choose, and chosen anew by another attempt.
fn is_about_values(code: &SqlState) -> bool {
    *code != SqlState::UNIQUE_VIOLATION
        && ["22", "23", "54"].iter().any(|class| code.code().starts_with(class))
}

impl PostgresError {
    /// Whether the server looked at the values and did not take them: another attempt would end the same.
    pub fn is_about_values(&self) -> bool {
        match self {
            Self::Refused { code, .. } => is_about_values(code),
            Self::Shared(error) => error.is_about_values(),
            Self::Connection(_)
            | Self::Pool(_)
            | Self::Deadline(_)
            | Self::ReadOnly
            | Self::LockIgnored
            | Self::Broken(_)
            | Self::Closed => false,
        }
    }

    /// Whether the server answered at all.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// For an append of which nothing can stand.
    pub(super) fn into_refused_append(self) -> AppendError {
        if self.is_about_values() {
            return AppendError::Invalid(InvalidAppend::NotStorable);
        }
        AppendError::Unavailable(Box::new(self))
    }

    pub(super) fn into_read(self) -> ReadError {
        ReadError::Unavailable(Box::new(self))
    }
}
