//! The one error type of the API, independent of HTTP.
//!
//! Only `problem::http` turns it into a response, as the last step. A problem never contains text from the client: no name,
//! number, text or token. Its cause goes to the log, never to the client.

mod code;
mod conversions;
mod details;
mod field_faults;
mod format;
pub(crate) mod http;
mod request_fields;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use daybook_projections::ViewError;

pub(crate) use code::Code;
pub(crate) use details::{DailyMinutes, Details, UnknownName};
pub(crate) use field_faults::{FieldFault, Rule};
pub(crate) use format::Format;
pub(crate) use request_fields::RequestFields;

/// The underlying error, for the log.
type Cause = Box<dyn Error + Send + Sync>;

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    details: Details,
    retry_after: Option<Duration>,
    cause: Option<Cause>,
}

impl Problem {
    /// A problem without details.
    pub(crate) const fn new(code: Code) -> Self {
        Self { code, details: Details::Nothing {}, retry_after: None, cause: None }
    }

    /// A problem with details for the client.
    pub(crate) const fn with(code: Code, details: Details) -> Self {
        Self { code, details, retry_after: None, cause: None }
    }

    /// Fields or query parameters that the endpoint does not have.
    pub(crate) fn unknown<'n>(code: Code, names: impl IntoIterator<Item = &'n str>) -> Self {
        Self::with(code, Details::Unknown { fields: UnknownName::all(names) })
    }

    /// A failure inside Daybook.
    pub(crate) fn caused(code: Code, cause: impl Into<Cause>) -> Self {
        Self { code, details: Details::Nothing {}, retry_after: None, cause: Some(cause.into()) }
    }

    /// Tells the client when to try again.
    pub(crate) const fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// Whether the view caused the failure, rather than the client or something that all views depend on.
    pub(crate) fn is_view_failure(&self) -> bool {
        let view_error = self.cause.as_ref().and_then(|cause| cause.downcast_ref::<ViewError>());
        self.code == Code::Internal || view_error.is_some_and(ViewError::is_the_views_fault)
    }

    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    #[cfg(test)]
    pub(crate) const fn details(&self) -> &Details {
        &self.details
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
