//! Headers that a request may bring, taken apart. One that is there and not understood is told, never passed over: a
//! client that asked for something has to know that it did not get it.

use actix_web::http::header::{self, HeaderMap, HeaderName};
use daybook_commands::IdempotencyKey;
use daybook_domain::routing::RoutedSubject;
use daybook_event_log::Position;

use crate::problem::{Code, Details, Problem};

/// A header that is looked for. Its name is made once: to make it from text takes longer than to look it up.
struct Wanted {
    name: HeaderName,
    /// As a problem writes it.
    shown: &'static str,
}

/// The header by which a client names itself, for routing.
static CLIENT: Wanted = Wanted { name: HeaderName::from_static("daybook-client"), shown: "Daybook-Client" };

/// The header that asks for an answer that holds a position.
static AT_LEAST: Wanted =
    Wanted { name: HeaderName::from_static("daybook-at-least"), shown: "Daybook-At-Least" };

/// The header that names a request, so that it is carried out once.
static IDEMPOTENCY_KEY: Wanted =
    Wanted { name: HeaderName::from_static("idempotency-key"), shown: "Idempotency-Key" };

/// The header that names the version that a change starts from.
static IF_MATCH: Wanted = Wanted { name: header::IF_MATCH, shown: "If-Match" };

/// Longest name of a client, in bytes.
const MAX_CLIENT_LENGTH: usize = 100;

/// A header's text, where it has one.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A header, read; none where it is not there.
fn read<T>(
    headers: &HeaderMap,
    wanted: &Wanted,
    understand: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(value) = headers.get(&wanted.name) else { return Ok(None) };
    let understood = value.to_str().ok().and_then(understand);
    let problem = || Problem::with(Code::InvalidHeader, Details::Header { header: wanted.shown });
    understood.map(Some).ok_or_else(problem)
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    read(headers, &IDEMPOTENCY_KEY, |text| IdempotencyKey::parse(text).ok())
}

pub(super) fn client(headers: &HeaderMap) -> Result<Option<RoutedSubject>, Problem> {
    let sane = |text: &str| {
        (1..=MAX_CLIENT_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    read(headers, &CLIENT, |text| sane(text).then(|| RoutedSubject::client(text)))
}

pub(super) fn at_least(headers: &HeaderMap) -> Result<Option<Position>, Problem> {
    read(headers, &AT_LEAST, |text| text.parse().ok())
}

/// The version in `If-Match`; none where the header is not there, or says `*`.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let understood = read(headers, &IF_MATCH, |text| match text.trim() {
        "*" => Some(None),
        tag => version(tag).map(Some),
    });
    understood.map(Option::flatten)
}

/// The version in an entity tag such as `"v3"`.
fn version(tag: &str) -> Option<u32> {
    let digits = tag.strip_prefix("\"v")?.strip_suffix('"')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The entity tag of a version: the same whichever model answers.
pub(crate) fn entity_tag(version: u32) -> String {
    format!("\"v{version}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_reads_back_and_nothing_else_does() {
        assert_eq!(version(&entity_tag(7)), Some(7));
        for wrong in ["v7", "\"7\"", "\"v\"", "\"v+7\"", "\"v99999999999\"", "W/\"v7\""] {
            assert_eq!(version(wrong), None, "{wrong}");
        }
    }
}
