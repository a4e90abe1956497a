//! What went wrong with a request, whatever carries it: one type for the whole of the API.
//!
//! It becomes an HTTP answer in `problem::http`, as the last step and nowhere else. A problem never holds what a client
//! sent: no name, number, text or token. Its cause is for the log, never for the client.

mod code;
mod details;
pub(crate) mod http;
mod refusal;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use daybook_projections::ViewError;

pub(crate) use code::Code;
pub(crate) use details::{DailyMinutes, Details};

/// What is underneath a problem; it goes to the log.
type Cause = Box<dyn Error + Send + Sync>;

/// What went wrong with a request.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    details: Details,
    retry_after: Option<Duration>,
    cause: Option<Cause>,
}

impl Problem {
    /// A problem that its code says all about.
    pub(crate) const fn of(code: Code) -> Self {
        Self { code, details: Details::Nothing {}, retry_after: None, cause: None }
    }

    /// A problem with what a client can act on.
    pub(crate) const fn with(code: Code, details: Details) -> Self {
        Self { code, details, retry_after: None, cause: None }
    }

    /// A problem with one field of what was sent.
    pub(crate) const fn field(code: Code, field: &'static str) -> Self {
        Self::with(code, Details::Field { field })
    }

    /// A fault on our side.
    pub(crate) fn caused(code: Code, cause: impl Into<Cause>) -> Self {
        Self { code, details: Details::Nothing {}, retry_after: None, cause: Some(cause.into()) }
    }

    /// The same, and when to try again.
    pub(crate) const fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// Whether the view that was to answer is to blame: not the client, nor what all views stand on.
    pub(crate) fn is_the_views_fault(&self) -> bool {
        let view_error = self.cause.as_ref().and_then(|cause| cause.downcast_ref::<ViewError>());
        self.code == Code::Internal || view_error.is_some_and(ViewError::is_the_views_fault)
    }

    /// Its code.
    pub(crate) const fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code.as_str())
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
