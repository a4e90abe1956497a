//! The texts that people read, with one file for each language.
//!
//! A text about a problem says what to do next. It never repeats input from the client; its placeholders are filled from the
//! problem's details.
//!
//! Clients of the old system display `message` unchanged. The Korean notices, and the Korean texts of the codes that
//! docs/legacy-system.md lists for the public routes, are part of that contract: do not reword them.

mod en;
mod ko;

use daybook_domain::Status;

use crate::problem::{Code, Details};

/// A language that responses are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// The default: the old system's clients display messages in Korean.
    #[default]
    Korean,
    English,
}

/// A message in a successful response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    ReservationReceived,
    /// The state of a reservation that a repeated request has found.
    ReservationStands(Status),
    ReservationChanged,
    ManyTimesFree,
    FewTimesFree,
    FullyBooked,
    ClinicClosed,
}

impl Language {
    /// The language of a primary language tag such as `en`.
    pub(crate) fn from_primary_tag(tag: &str) -> Option<Self> {
        [("ko", Self::Korean), ("en", Self::English)]
            .into_iter()
            .find_map(|(primary, language)| tag.eq_ignore_ascii_case(primary).then_some(language))
    }
}

impl Notice {
    #[cfg(test)]
    const ALL: [Self; 6] = [
        Self::ReservationReceived,
        Self::ReservationChanged,
        Self::ManyTimesFree,
        Self::FewTimesFree,
        Self::FullyBooked,
        Self::ClinicClosed,
    ];
}

/// The text of a notice.
pub(crate) const fn notice(language: Language, notice: Notice) -> &'static str {
    match language {
        Language::Korean => ko::notice(notice),
        Language::English => en::notice(notice),
    }
}

/// The text of a problem.
pub(crate) fn message(language: Language, code: Code, details: &Details) -> String {
    let template = match language {
        Language::Korean => ko::message(code),
        Language::English => en::message(code),
    };
    let fill = |text: String, (placeholder, value): (&str, String)| text.replace(placeholder, &value);
    details.parameters().into_iter().fold(template.to_owned(), fill)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_text_in_both_languages() {
        for code in Code::ALL {
            let (korean, english) = (ko::message(*code), en::message(*code));
            assert!(english.is_ascii() && english.ends_with('.'), "{code:?}");
            assert!(korean.chars().any(|c| ('가'..='힣').contains(&c)), "{code:?}");
            let placeholders = |text: &str| text.matches('{').count();
            assert_eq!(placeholders(korean), placeholders(english), "{code:?} has the same placeholders");
        }
        for notice in Notice::ALL.into_iter().chain(Status::ALL.map(Notice::ReservationStands)) {
            assert_ne!(super::notice(Language::Korean, notice), super::notice(Language::English, notice));
        }
    }

    #[test]
    fn placeholders_are_filled_from_the_details() {
        let details = Details::Fields { fields: vec!["phone", "service"] };
        let text = message(Language::English, Code::MissingFields, &details);
        assert_eq!(text, "Required fields are missing: phone, service.");
    }
}
