//! A patient's wish as it came, and what of it may be recorded in plain.
//!
//! A wish that the built-in grammar understands names a time and nothing else, and goes into the event in plain. One that
//! it does not may say anything, so it is sealed with the patient's details, also where a rule of the clinic's own reads it.

use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::{ClockTime, Period};

/// The wish for a time as it came.
#[derive(Clone, PartialEq, Eq)]
pub enum WishInput {
    /// Free text.
    Text(String),
    /// A half of the day.
    Period(Period),
    /// A time of day.
    At(ClockTime),
}

/// Keeps the text to itself: people write anything into it.
impl std::fmt::Debug for WishInput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => formatter.write_str("Text(..)"),
            Self::Period(period) => write!(formatter, "Period({})", period.as_str()),
            Self::At(time) => write!(formatter, "At({time})"),
        }
    }
}

/// A wish, taken apart.
pub struct ReadWish {
    /// What it was understood as.
    pub understood: ParsedTime,
    /// The raw text where the grammar understands it.
    pub plain: Option<Box<str>>,
    /// The raw text where it does not; to be sealed.
    pub unread: Option<String>,
}

impl WishInput {
    pub(crate) fn read(self) -> ReadWish {
        let text = match self {
            Self::At(time) => return ReadWish::told(ParsedTime::At(time)),
            Self::Period(period) => return ReadWish::told(ParsedTime::Period(period)),
            Self::Text(text) => text,
        };
        let understood = requested_time::read(&text);
        ReadWish::of(text, understood, understood)
    }
}

impl ReadWish {
    /// A text that is understood as this. What the built-in grammar alone makes of it decides whether it stays in plain: a
    /// clinic's own rule may match a text that says more than a time.
    pub fn of(text: String, understood: ParsedTime, built_in: ParsedTime) -> Self {
        match built_in {
            ParsedTime::Ambiguous(_) => Self { understood, plain: None, unread: Some(text) },
            ParsedTime::At(_) | ParsedTime::Period(_) => {
                Self { understood, plain: Some(text.into()), unread: None }
            }
        }
    }

    fn told(understood: ParsedTime) -> Self {
        Self { understood, plain: None, unread: None }
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::requested_time::Ambiguity;

    use super::*;

    #[test]
    fn only_a_wish_that_was_understood_stays_in_plain() {
        let read = WishInput::Text("오후 2시".to_owned()).read();
        assert_eq!((read.plain.as_deref(), read.unread), (Some("오후 2시"), None));
        let read = WishInput::Text("김철수 저녁".to_owned()).read();
        assert_eq!((read.plain, read.unread.as_deref()), (None, Some("김철수 저녁")));
    }

    #[test]
    fn what_only_a_rule_of_the_clinic_understands_stays_sealed() {
        let (noon, unclear) =
            (ParsedTime::Period(Period::Morning), ParsedTime::Ambiguous(Ambiguity::NotATime));
        let read = ReadWish::of("점심때 김철수".to_owned(), noon, unclear);
        assert_eq!((read.understood, read.plain), (noon, None));
        assert_eq!(read.unread.as_deref(), Some("점심때 김철수"));
    }

    #[test]
    fn a_blank_wish_is_kept_as_it_is() {
        let read = WishInput::Text(" ".to_owned()).read();
        assert_eq!(read.understood, ParsedTime::Ambiguous(Ambiguity::Empty));
        assert_eq!(read.unread.as_deref(), Some(" "));
    }
}
