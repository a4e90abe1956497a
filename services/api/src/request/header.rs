//! Parses request headers. A malformed header is refused, never ignored: the client has to know that it has no effect.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use daybook_commands::IdempotencyKey;
use daybook_domain::routing::RoutedSubject;
use daybook_domain::value::Range;
use daybook_event_log::Position;

use crate::problem::{Code, Details, Format, Problem, Rule};

/// A known request header. `name` is parsed once, because parsing costs more than the lookup.
struct RequestHeader {
    name: HeaderName,
    /// The spelling in problems.
    display_name: &'static str,
    /// What its value has to be.
    rule: Rule,
}

impl RequestHeader {
    const fn new(name: HeaderName, display_name: &'static str, rule: Rule) -> Self {
        Self { name, display_name, rule }
    }

    fn problem(&self, rule: Rule) -> Problem {
        Problem::with(Code::InvalidHeader, Details::Header { header: self.display_name, rule })
    }

    /// The only value. Of two, nobody can tell which one counts.
    fn only<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Problem> {
        let mut values = headers.get_all(&self.name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(self.problem(Rule::Format(Format::Once))),
            None => Ok(first),
        }
    }
}

/// Visible ASCII characters, at most this many.
const fn ascii(max: usize) -> Rule {
    Rule::Range(Range::Word { min: 1, max, characters: "visible ASCII" })
}

/// Names the client, for routing.
static CLIENT: RequestHeader =
    RequestHeader::new(HeaderName::from_static("daybook-client"), "Daybook-Client", ascii(MAX_CLIENT_LENGTH));

/// The position that the answering view must have reached.
static AT_LEAST: RequestHeader = RequestHeader::new(
    HeaderName::from_static("daybook-at-least"),
    "Daybook-At-Least",
    Rule::Format(Format::Position),
);

/// The idempotency key.
static IDEMPOTENCY_KEY: RequestHeader = RequestHeader::new(
    HeaderName::from_static("idempotency-key"),
    "Idempotency-Key",
    ascii(IdempotencyKey::MAX_LENGTH),
);

/// The version that a change is based on.
static IF_MATCH: RequestHeader =
    RequestHeader::new(header::IF_MATCH, "If-Match", Rule::Format(Format::EntityTag));

/// The token of a member of staff.
static AUTHORIZATION: RequestHeader =
    RequestHeader::new(header::AUTHORIZATION, "Authorization", Rule::Format(Format::Once));

/// Longest client name, in bytes.
const MAX_CLIENT_LENGTH: usize = 100;

/// The text of a header for tracing, if there is exactly one.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let first = values.next().and_then(|value| value.to_str().ok());
    first.filter(|_| values.next().is_none())
}

/// Parses a header, if there is one.
fn parse<T>(
    headers: &HeaderMap,
    header: &RequestHeader,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(value) = header.only(headers)? else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(parse);
    parsed.map(Some).ok_or_else(|| header.problem(header.rule))
}

/// The credentials, if there are any that are text.
pub(crate) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    Ok(AUTHORIZATION.only(headers)?.and_then(|value| value.to_str().ok()))
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

    #[test]
    fn a_header_that_occurs_twice_is_refused_even_with_equal_values() {
        for header in [&CLIENT, &AT_LEAST, &IDEMPOTENCY_KEY, &IF_MATCH, &AUTHORIZATION] {
            let mut headers = HeaderMap::new();
            headers.append(header.name.clone(), HeaderValue::from_static("*"));
            assert!(header.only(&headers).is_ok_and(|value| value.is_some()), "{}", header.display_name);
            headers.append(header.name.clone(), HeaderValue::from_static("*"));
            assert!(header.only(&headers).is_err(), "{}", header.display_name);
        }
    }
}
