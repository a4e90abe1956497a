//! Checks free text from clients: limited in length and without control characters.

use crate::problem::{Code, Problem};

/// A text of one line, of at most `max` characters.
pub(crate) fn line(field: &'static str, text: String, max: usize) -> Result<String, Problem> {
    check(field, text, max, |c| !c.is_control())
}

/// A text of several lines, of at most `max` characters.
pub(crate) fn prose(field: &'static str, text: String, max: usize) -> Result<String, Problem> {
    check(field, text, max, |c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

/// An optional text of one line. A blank text counts as none.
pub(crate) fn optional_line(
    field: &'static str,
    text: Option<String>,
    max: usize,
) -> Result<Option<Box<str>>, Problem> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(|text| line(field, text, max).map(Into::into)).transpose()
}

/// An optional text of several lines. A blank text counts as none.
pub(crate) fn optional_prose(
    field: &'static str,
    text: Option<String>,
    max: usize,
) -> Result<Option<Box<str>>, Problem> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(|text| prose(field, text, max).map(Into::into)).transpose()
}

fn check(
    field: &'static str,
    text: String,
    max: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<String, Problem> {
    // Counting stops at the limit, so a very long text costs no more.
    let fits = text.chars().take(max + 1).count() <= max;
    if fits && text.chars().all(allowed) { Ok(text) } else { Err(Problem::field(Code::InvalidText, field)) }
}

/// Whether a text looks like an e-mail address: one `@` with text on both sides, and a dot in the domain.
pub(crate) fn is_email(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| !c.is_whitespace() && !c.is_control());
    match text.split_once('@') {
        Some((local, domain)) => {
            let dotted = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
            text.len() <= MAX_EMAIL_LENGTH && plain(local) && plain(domain) && dotted && !domain.contains('@')
        }
        None => false,
    }
}

/// Longest e-mail address, in bytes (RFC 5321).
const MAX_EMAIL_LENGTH: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_limited_and_has_no_control_characters() {
        assert!(line("x", "김".repeat(10), 10).is_ok() && line("x", "김".repeat(11), 10).is_err());
        assert!(line("x", "a\0b".to_owned(), 10).is_err() && line("x", "a\nb".to_owned(), 10).is_err());
        assert!(prose("x", "a\nb".to_owned(), 10).is_ok() && prose("x", "a\u{1b}b".to_owned(), 10).is_err());
    }

    #[test]
    fn an_email_address_has_two_parts_and_a_dot() {
        for right in ["a@b.kr", "first.last+tag@mail.example.com", "김@예시.kr"] {
            assert!(is_email(right), "{right}");
        }
        for wrong in ["", "a", "a@b", "@b.kr", "a@", "a@b..kr", "a@.kr", "a b@c.kr", "a@b@c.kr"] {
            assert!(!is_email(wrong), "{wrong}");
        }
        assert!(!is_email(&format!("{}@b.kr", "a".repeat(250))));
    }
}
