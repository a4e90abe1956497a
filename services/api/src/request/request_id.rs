//! The id of a request: the client's if it is a UUID, otherwise a new one. It appears in the response, in the logs, and in
//! the metadata of every event that the request causes.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName};
use serde::Serialize;
use uuid::Uuid;

use super::header;

/// The header with the id, in requests and responses.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The older name of the header, accepted in requests only.
static CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct RequestId(Uuid);

impl RequestId {
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The client's id, or a new one if it sent none or no UUID.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let given = header::text(headers, &REQUEST_ID).or_else(|| header::text(headers, &CORRELATION_ID));
        given.and_then(|text| Uuid::try_parse(text).ok()).map_or_else(Self::generate, Self)
    }

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
        RequestId::from_headers(&headers).to_string()
    }

    #[test]
    fn a_clients_uuid_is_used_and_anything_else_is_replaced() {
        let given = "0192f0a0-0000-7000-8000-000000000001";
        assert_eq!(id_of(&REQUEST_ID, given), given);
        assert_eq!(id_of(&CORRELATION_ID, given), given);
        let generated = id_of(&REQUEST_ID, "1; drop table");
        assert!(Uuid::try_parse(&generated).is_ok() && generated != given);
    }
}
