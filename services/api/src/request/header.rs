//! Parses request headers. A malformed header is refused, never ignored: the client has to know that it has no effect.

use actix_web::http::header::{self, HeaderMap, HeaderName};
use daybook_commands::IdempotencyKey;
use daybook_domain::routing::RoutedSubject;
use daybook_event_log::Position;

use crate::problem::{Code, Details, Problem};

/// A known request header. `name` is parsed once, because parsing costs more than the lookup.
struct RequestHeader {
    name: HeaderName,
    /// The spelling in problems.
    display_name: &'static str,
}

/// Names the client, for routing.
static CLIENT: RequestHeader =
    RequestHeader { name: HeaderName::from_static("daybook-client"), display_name: "Daybook-Client" };

/// The position that the answering view must have reached.
static AT_LEAST: RequestHeader =
    RequestHeader { name: HeaderName::from_static("daybook-at-least"), display_name: "Daybook-At-Least" };

/// The idempotency key.
static IDEMPOTENCY_KEY: RequestHeader =
    RequestHeader { name: HeaderName::from_static("idempotency-key"), display_name: "Idempotency-Key" };

/// The version that a change is based on.
static IF_MATCH: RequestHeader = RequestHeader { name: header::IF_MATCH, display_name: "If-Match" };

/// Longest client name, in bytes.
const MAX_CLIENT_LENGTH: usize = 100;

/// The text of a header, if there is one.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Parses a header, if there is one.
fn parse<T>(
    headers: &HeaderMap,
    header: &RequestHeader,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(value) = headers.get(&header.name) else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(parse);
    let problem = || Problem::with(Code::InvalidHeader, Details::Header { header: header.display_name });
    parsed.map(Some).ok_or_else(problem)
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    parse(headers, &IDEMPOTENCY_KEY, |text| IdempotencyKey::parse(text).ok())
}

pub(super) fn client(headers: &HeaderMap) -> Result<Option<RoutedSubject>, Problem> {
    let is_valid = |text: &str| {
        (1..=MAX_CLIENT_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    parse(headers, &CLIENT, |text| is_valid(text).then(|| RoutedSubject::client(text)))
}

pub(super) fn at_least(headers: &HeaderMap) -> Result<Option<Position>, Problem> {
    parse(headers, &AT_LEAST, |text| text.parse().ok())
}

/// The version in `If-Match`; none without the header or with `*`.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let version = parse(headers, &IF_MATCH, |text| match text.trim() {
        "*" => Some(None),
        tag => parse_version(tag).map(Some),
    });
    version.map(Option::flatten)
}

/// The version in an entity tag such as `"v3"`.
fn parse_version(tag: &str) -> Option<u32> {
    let digits = tag.strip_prefix("\"v")?.strip_suffix('"')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The entity tag of a version. It is the same in both models.
pub(crate) fn entity_tag(version: u32) -> String {
    format!("\"v{version}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_is_parsed_back_and_nothing_else_is() {
        assert_eq!(parse_version(&entity_tag(7)), Some(7));
        for wrong in ["v7", "\"7\"", "\"v\"", "\"v+7\"", "\"v99999999999\"", "W/\"v7\""] {
            assert_eq!(parse_version(wrong), None, "{wrong}");
        }
    }
}
