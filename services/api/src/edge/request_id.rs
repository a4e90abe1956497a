//! The id of a request: the caller's where it is a UUID, else a fresh one. It is in the answer, in the log, and in the
//! metadata of every event that the request causes.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName};
use serde::Serialize;
use uuid::Uuid;

use super::header;

/// The header that carries it, both ways.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Its older name, read but not written.
static CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct RequestId(Uuid);

impl RequestId {
    /// A fresh one.
    pub(crate) fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// The caller's, or a fresh one where it has none or one of another form.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = header::text(headers, &REQUEST_ID).or_else(|| header::text(headers, &CORRELATION_ID));
        given.and_then(|text| Uuid::try_parse(text).ok()).map_or_else(Self::fresh, Self)
    }

    /// As a UUID.
    pub(crate) const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use actix_web::http::header::HeaderValue;

    use super::*;

    fn id_of(name: &HeaderName, value: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(name.clone(), HeaderValue::from_static(value));
        RequestId::of(&headers).to_string()
    }

    #[test]
    fn a_callers_uuid_is_taken_and_anything_else_is_not() {
        let given = "0192f0a0-0000-7000-8000-000000000001";
        assert_eq!(id_of(&REQUEST_ID, given), given);
        assert_eq!(id_of(&CORRELATION_ID, given), given);
        let fresh = id_of(&REQUEST_ID, "1; drop table");
        assert!(Uuid::try_parse(&fresh).is_ok() && fresh != given);
    }
}
