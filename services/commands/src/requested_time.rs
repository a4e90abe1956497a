//! The requested time of a new booking, and which of its texts an event may hold in plain.
//!
//! A text that the built-in grammar can parse contains a time and nothing else, so the event holds it in plain. Any other
//! text may contain anything and has to be sealed with the patient's details, even if a rule of the clinic can read it.

use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::{ClockTime, Period};

/// The requested time as the client sent it.
#[derive(Clone, PartialEq, Eq)]
pub enum RequestedTime {
    Text(String),
    /// A half-day.
    Period(Period),
    At(ClockTime),
}

/// Hides the text, because people write anything into it.
impl std::fmt::Debug for RequestedTime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => formatter.write_str("Text(..)"),
            Self::Period(period) => write!(formatter, "Period({})", period.as_str()),
            Self::At(time) => write!(formatter, "At({time})"),
        }
    }
}

/// A requested time with its meaning.
pub struct InterpretedTime {
    pub parsed_time: ParsedTime,
    /// The text, if the event may hold it in plain.
    pub plain_text: Option<Box<str>>,
    /// The text, if it has to be sealed.
    pub sealed_text: Option<String>,
}

impl RequestedTime {
    /// Its form and its content, for fingerprints. Storage format.
    pub(crate) fn canonical(&self) -> (&'static str, String) {
        match self {
            Self::Text(text) => ("text", text.clone()),
            Self::Period(period) => ("period", period.as_str().to_owned()),
            Self::At(time) => ("at", time.to_string()),
        }
    }

    pub(crate) fn interpret(self) -> InterpretedTime {
        match self {
            Self::At(time) => InterpretedTime::without_text(ParsedTime::At(time)),
            Self::Period(period) => InterpretedTime::without_text(ParsedTime::Period(period)),
            Self::Text(text) => {
                let text = requested_time::without_invisible(text);
                let parsed_time = requested_time::parse(&text);
                InterpretedTime::from_text(text, parsed_time, parsed_time)
            }
        }
    }
}

impl InterpretedTime {
    /// A text with its meaning. Only the result of the built-in grammar decides whether the text stays in plain, because a
    /// rule of the clinic can match a text that contains more than a time.
    pub fn from_text(text: String, parsed_time: ParsedTime, built_in: ParsedTime) -> Self {
        match built_in {
            ParsedTime::Ambiguous(_) => Self { parsed_time, plain_text: None, sealed_text: Some(text) },
            ParsedTime::At(_) | ParsedTime::Period(_) => {
                Self { parsed_time, plain_text: Some(text.into()), sealed_text: None }
            }
        }
    }

    fn without_text(parsed_time: ParsedTime) -> Self {
        Self { parsed_time, plain_text: None, sealed_text: None }
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::requested_time::Ambiguity;

    use super::*;

    #[test]
    fn only_a_text_that_the_grammar_can_parse_stays_in_plain() {
        let time = RequestedTime::Text("오후 2시".to_owned()).interpret();
        assert_eq!((time.plain_text.as_deref(), time.sealed_text), (Some("오후 2시"), None));
        let time = RequestedTime::Text("김철수 저녁".to_owned()).interpret();
        assert_eq!((time.plain_text, time.sealed_text.as_deref()), (None, Some("김철수 저녁")));
    }

    #[test]
    fn a_time_beside_a_character_that_nobody_sees_is_read() {
        let time = RequestedTime::Text("10:00\u{200b}".to_owned()).interpret();
        assert_eq!((time.plain_text.as_deref(), time.sealed_text), (Some("10:00"), None));
    }

    #[test]
    fn a_text_that_only_a_rule_of_the_clinic_can_read_is_sealed() {
        let (noon, built_in) =
            (ParsedTime::Period(Period::Morning), ParsedTime::Ambiguous(Ambiguity::NotATime));
        let time = InterpretedTime::from_text("점심때 김철수".to_owned(), noon, built_in);
        assert_eq!((time.parsed_time, time.plain_text), (noon, None));
        assert_eq!(time.sealed_text.as_deref(), Some("점심때 김철수"));
    }

    #[test]
    fn a_blank_text_is_kept_unchanged() {
        let time = RequestedTime::Text(" ".to_owned()).interpret();
        assert_eq!(time.parsed_time, ParsedTime::Ambiguous(Ambiguity::Empty));
        assert_eq!(time.sealed_text.as_deref(), Some(" "));
    }
}
