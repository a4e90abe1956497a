//! Checks texts from clients that are not part of a form.

use daybook_domain::value::{self, Text};

use crate::problem::{FieldFault, Problem};

/// A text in its range.
#[cfg_attr(
    not(feature = "migration"),
    allow(dead_code, reason = "only requests of the migration are read so")
)]
pub(crate) fn checked(field: &'static str, text: String, allowed: Text) -> Result<String, Problem> {
    allowed.check(&text).map_err(|range| FieldFault::out_of_range(field, range))?;
    Ok(text)
}

/// An optional text. A blank one counts as none.
#[cfg_attr(
    not(feature = "migration"),
    allow(dead_code, reason = "only requests of the migration are read so")
)]
pub(crate) fn optional(
    field: &'static str,
    text: Option<String>,
    allowed: Text,
) -> Result<Option<Box<str>>, Problem> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(|text| checked(field, text, allowed).map(Into::into)).transpose()
}

/// Whether a text looks like an e-mail address: one `@` with text on both sides, and a dot in the domain.
pub(crate) fn is_email(text: &str) -> bool {
    let plain =
        |part: &str| !part.is_empty() && part.chars().all(|c| !c.is_whitespace() && value::is_visible(c));
    match text.split_once('@') {
        Some((local, domain)) => {
            let dotted = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
            let fits = text.len() <= value::EMAIL.max && value::EMAIL.check(text).is_ok();
            fits && plain(local) && plain(domain) && dotted && !domain.contains('@')
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_has_two_parts_and_a_dot() {
        for right in ["a@b.kr", "first.last+tag@mail.example.com", "김@예시.kr"] {
            assert!(is_email(right), "{right}");
        }
        for wrong in
            ["", "a", "a@b", "@b.kr", "a@", "a@b..kr", "a@.kr", "a b@c.kr", "a@b@c.kr", "a\u{200b}@b.kr"]
        {
            assert!(!is_email(wrong), "{wrong}");
        }
        assert!(!is_email(&format!("{}@b.kr", "a".repeat(250))));
    }
}
