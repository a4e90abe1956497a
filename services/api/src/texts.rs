//! What people read: one place for each language, complete over all codes.
//!
//! A text says what to do next. It never repeats what the client sent; placeholders are filled from a problem's details.

mod en;
mod ko;

use crate::problem::{Code, Details};

/// A language that answers are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// 한국어, the default: the old system's clients show messages as they come.
    #[default]
    Korean,
    /// English.
    English,
}

/// What is said when something went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// A booking was taken.
    ReservationTaken,
    /// A booking was changed.
    ReservationChanged,
    /// There are many free times.
    ManyFree,
    /// There are few free times.
    FewFree,
    /// There is no free time.
    NoneFree,
    /// The clinic does not treat on this day.
    ClinicClosed,
}

impl Said {
    #[cfg(test)]
    const ALL: [Self; 6] = [
        Self::ReservationTaken,
        Self::ReservationChanged,
        Self::ManyFree,
        Self::FewFree,
        Self::NoneFree,
        Self::ClinicClosed,
    ];
}

/// What is said when something went well.
pub(crate) const fn said(language: Language, said: Said) -> &'static str {
    match language {
        Language::Korean => ko::said(said),
        Language::English => en::said(said),
    }
}

/// What is said about a problem.
pub(crate) fn message(language: Language, code: Code, details: &Details) -> String {
    let template = match language {
        Language::Korean => ko::message(code),
        Language::English => en::message(code),
    };
    let fill = |text: String, (place, value): (&str, String)| text.replace(place, &value);
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
            let places = |text: &str| text.matches('{').count();
            assert_eq!(places(korean), places(english), "{code:?} fills the same places in both");
        }
        for one in Said::ALL {
            assert_ne!(said(Language::Korean, one), said(Language::English, one));
        }
    }

    #[test]
    fn a_text_is_filled_from_the_details() {
        let details = Details::Fields { fields: vec!["phone", "service"] };
        let text = message(Language::English, Code::MissingFields, &details);
        assert_eq!(text, "Please fill in these fields: phone, service.");
    }
}
