//! Which web pages of other origins may use the public routes from a browser (CORS).
//!
//! A browser sends some requests to other origins without asking first, so a list that is not empty also refuses requests
//! of pages that are not on it. Without a list, pages need a proxy of their own origin, and nothing is refused.

use std::str::FromStr;

use actix_cors::Cors;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, Uri};
use actix_web::{HttpRequest, dev::RequestHead};

use super::endpoint::Endpoint;
use super::request_id::REQUEST_ID;
use crate::response::POSITION;

/// How long a browser may remember that a page may ask, in seconds.
const MAX_AGE: usize = 3600;

/// The request headers of booking clients that a browser asks for.
const SENT: [&str; 7] = [
    "content-type",
    "x-request-id",
    "accept-language",
    "idempotency-key",
    "daybook-client",
    "daybook-at-least",
    "traceparent",
];

/// The origins that may use the public routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Box<[Box<str>]>);

/// The text is not a list of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "origins are a scheme and a host, separated by commas, such as https://booking.example,http://localhost:3000; each is \
     named, `*` is none"
)]
pub struct InvalidOrigins;

impl FromStr for AllowedOrigins {
    type Err = InvalidOrigins;

    fn from_str(text: &str) -> Result<Self, InvalidOrigins> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| parse(part).ok_or(InvalidOrigins)).collect::<Result<_, _>>().map(Self)
    }
}

/// An origin as browsers send it: in lower case, without the usual port and without a path.
fn parse(text: &str) -> Option<Box<str>> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let is_origin = matches!(scheme, "http" | "https")
        && uri.path() == "/"
        && uri.query().is_none()
        && !authority.as_str().contains(['@', '*']);
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.as_str().strip_suffix(usual).unwrap_or(authority.as_str());
    is_origin.then(|| format!("{scheme}://{authority}").into())
}

impl AllowedOrigins {
    /// Whether there is no list.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Answers preflight requests, and names the page in the answers that it may read.
    pub(crate) fn cors(self) -> Cors {
        Cors::default()
            .allowed_origin_fn(move |origin, head| is_public(head) && self.contains(origin))
            .allowed_methods([Method::GET, Method::POST, Method::HEAD])
            .allowed_headers(SENT)
            .expose_headers([REQUEST_ID.as_str(), POSITION.as_str(), header::RETRY_AFTER.as_str()])
            .max_age(MAX_AGE)
            .block_on_origin_mismatch(false)
    }

    /// Whether a page that is not on the list asks a public route, whose answer its browser would not let it read.
    pub(crate) fn refuses(&self, request: &HttpRequest) -> bool {
        let origin = request.headers().get(header::ORIGIN).filter(|_| !self.is_empty());
        let is_foreign = origin.is_some_and(|origin| !self.contains(origin) && !is_own(origin, request));
        is_foreign && Endpoint::at(request.match_info().as_str()).is_some_and(Endpoint::is_public)
    }

    fn contains(&self, origin: &HeaderValue) -> bool {
        self.0.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
    }
}

fn is_public(head: &RequestHead) -> bool {
    Endpoint::at(head.uri.path()).is_some_and(Endpoint::is_public)
}

/// Whether the page comes from the host that was asked.
fn is_own(origin: &HeaderValue, request: &HttpRequest) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.zip(host).is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_as_browsers_send_them() {
        let origins =
            " HTTPS://Booking.Example/, http://localhost:3000,https://a.example:443,http://b.example:80 "
                .parse();
        let expected =
            ["https://booking.example", "http://localhost:3000", "https://a.example", "http://b.example"];
        assert_eq!(origins, Ok(AllowedOrigins(expected.map(Box::from).into())));
        assert_eq!("".parse(), Ok(AllowedOrigins::default()));
    }

    #[test]
    fn each_origin_is_named() {
        for wrong in [
            "*",
            "null",
            "booking.example",
            "https://*.example",
            "https://booking.example/page",
            "https://booking.example?x",
            "https://user@booking.example",
            "ftp://booking.example",
            "https://",
        ] {
            assert_eq!(wrong.parse::<AllowedOrigins>(), Err(InvalidOrigins), "{wrong}");
        }
    }
}
