//! Errors of PostgreSQL and of the connection to it.
//!
//! The server's details, and its messages about values, quote rows, so they are left out: an error must not
//! contain text from an event.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::{DbError, SqlState};

use super::binary::BrokenCopy;
use crate::port::{AppendError, InvalidAppend, ReadError};

/// Why PostgreSQL did not execute a request.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server rejected the statement.
    #[error("PostgreSQL rejected the statement: {message} (SQLSTATE {code})", code = code.code())]
    Refused {
        /// SQLSTATE.
        code: SqlState,
        /// PostgreSQL's message, unless it could quote a value.
        message: String,
    },
    /// The connection failed or could not be opened.
    #[error("no connection to PostgreSQL")]
    Connection(#[source] tokio_postgres::Error),
    /// No connection of the pool became free, or none could be opened.
    #[error("no connection of the PostgreSQL pool became available")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer within this time.
    #[error("PostgreSQL did not answer within {0:?}")]
    Deadline(Duration),
    /// An error that several callers share.
    #[error(transparent)]
    Shared(Arc<PostgresError>),
    /// The database accepts no writes: it is a standby, or set to read-only.
    #[error("PostgreSQL is read-only")]
    ReadOnly,
    /// Another program writes events without holding the append lock.
    #[error("another program writes events without the append lock")]
    LockIgnored,
    /// The server sent a malformed COPY.
    #[error(transparent)]
    Broken(#[from] BrokenCopy),
    /// The task that serves the log has ended.
    #[error("the log was closed")]
    Closed,
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            return Self::Connection(error);
        };
        let code = refusal.code().clone();
        let message = message_without_values(refusal);
        Self::Refused { code, message }
    }
}

/// The server's message, unless it could quote a value. Names of columns and constraints are no values.
fn message_without_values(refusal: &DbError) -> String {
    if is_about_values(refusal.code()) {
        return match (refusal.constraint(), refusal.column()) {
            (Some(constraint), _) => format!("a value does not fit the constraint \"{constraint}\""),
            (None, Some(column)) => format!("a value does not fit the column \"{column}\""),
            (None, None) => "a value does not fit".to_owned(),
        };
    }
    // A function says what its author likes. Its language is named in every language of the server.
    match refusal.where_() {
        Some(context) if context.contains("PL/") => "a function or trigger failed".to_owned(),
        Some(_) | None => refusal.message().to_owned(),
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

/// Classes 22 (data exception), 23 (integrity constraint violation) and 54 (program limit exceeded), except
/// for a unique violation: positions and revisions are ours to choose, and the next attempt chooses others.
fn is_about_values(code: &SqlState) -> bool {
    *code != SqlState::UNIQUE_VIOLATION
        && ["22", "23", "54"].iter().any(|class| code.code().starts_with(class))
}

impl PostgresError {
    /// Whether the server rejected a value, so that a retry would fail in the same way.
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

    /// Whether the server answered.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// For an append that is certainly not recorded.
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
