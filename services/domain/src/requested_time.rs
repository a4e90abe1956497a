//! The parser for requested times, which are free text in the old system.
//!
//! A marker (오전, 오후, am, pm, morning, afternoon) decides between morning and afternoon. Without a marker, hours 7 to 23 are
//! read on the 24-hour clock and hours 1 to 6 are ambiguous. Ambiguous and unreadable texts go to review; the parser must
//! never fall back to a default. A text parses only if every character of it belongs to the grammar.

mod doubt;
mod format;
mod grammar;
mod shape;
mod token;

use serde::{Deserialize, Serialize};

use crate::hours::Hours;
use crate::time::{ClockTime, Period};
use crate::value::without_ignorable;
use crate::vocabulary::vocabulary;

pub use format::TimeFormat;
pub use shape::{canonical, shape};

/// Maximum length of a text in bytes. Longer texts are not parsed.
pub const MAX_REQUESTED_TIME_LENGTH: usize = 200;

/// The meaning of a requested time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParsedTime {
    At(ClockTime),
    /// A half-day without a time.
    Period(Period),
    /// No clear meaning; a person has to review the text.
    Ambiguous(Ambiguity),
}

vocabulary! {
    /// Why a requested time needs a review. The spellings are storage format.
    Ambiguity {
        Empty = "EMPTY",
        /// An hour from 1 to 6 without a marker.
        AmbiguousHour = "AMBIGUOUS_HOUR",
        /// A time that does not exist, or an hour of 0 without a marker.
        ImpossibleTime = "IMPOSSIBLE_TIME",
        /// Two parts contradict each other, such as 오전 14시.
        Contradiction = "CONTRADICTION",
        /// Other words, or a number that may not be a time.
        NotATime = "NOT_A_TIME",
        /// The patient was forgotten and the text erased.
        Erased = "ERASED",
    }
}

/// Returns the format of a text; `None` if [`parse`] finds it ambiguous.
pub fn format(text: &str) -> Option<TimeFormat> {
    match parse(text) {
        ParsedTime::At(_) | ParsedTime::Period(_) => {
            token::tokenize(text).ok().map(|tokens| TimeFormat::from_tokens(&tokens))
        }
        ParsedTime::Ambiguous(_) => None,
    }
}

/// Parses a requested time. A text that may also mean something else, such as `12.25`, `2030` or a range that ends before
/// it starts, is ambiguous.
pub fn parse(text: &str) -> ParsedTime {
    let parsed_time = parse_stored(text);
    if matches!(parsed_time, ParsedTime::At(_)) && doubt::is_doubtful(text) {
        return ParsedTime::Ambiguous(Ambiguity::NotATime);
    }
    parsed_time
}

/// A time as the lists of free times write it, `HH:MM`, where [`parse`] is in doubt: in rows of the old system `00:00` is
/// often a placeholder, and an hour from 1 to 6 may be one of the afternoon. A client that sends the start that it was
/// offered means that start.
pub fn parse_offered(text: &str, hours: &Hours) -> Option<ClockTime> {
    let time: ClockTime = without_ignorable(text).trim().parse().ok()?;
    let is_offered = time.minutes() < 60 || hours.week().any(|(_, slot)| slot.span.contains(time));
    (is_offered && matches!(parse(text), ParsedTime::Ambiguous(_))).then_some(time)
}

/// A text without the characters that nobody sees, if that makes it readable: they came with a time that was copied. Any
/// other text is as it was written.
pub fn without_invisible(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    let shown = without_ignorable(&text);
    let is_read = |text: &str| !matches!(parse(text), ParsedTime::Ambiguous(_));
    if shown != text && is_read(&shown) { shown } else { text }
}

/// Parses the text of a recorded booking. It accepts what earlier releases accepted, so that a booking that was recorded
/// with the time of a doubtful text keeps that time in every view.
pub fn parse_stored(text: &str) -> ParsedTime {
    if text.trim().is_empty() {
        return ParsedTime::Ambiguous(Ambiguity::Empty);
    }
    if text.len() > MAX_REQUESTED_TIME_LENGTH {
        return ParsedTime::Ambiguous(Ambiguity::NotATime);
    }
    let parsed_time = match grammar::parse_clock_text(text.as_bytes()) {
        Some(result) => result,
        None => token::tokenize(text).and_then(|tokens| grammar::parse(&tokens)),
    };
    parsed_time.unwrap_or_else(ParsedTime::Ambiguous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_nobody_sees_do_not_make_a_time_unreadable_and_stay_in_other_texts() {
        for c in
            ['\u{200b}', '\u{feff}', '\u{ad}', '\u{200e}', '\u{2060}', '\u{3164}', '\u{fe0f}', '\u{e0041}']
        {
            for text in [format!("10:00{c}"), format!("{c}오전{c} 10{c}시 "), format!("1{c}0:30")] {
                let shown = without_invisible(text.clone());
                assert!(!matches!(parse(&shown), ParsedTime::Ambiguous(_)) && !shown.contains(c), "{text:?}");
                assert_eq!(parse_stored(&shown), parse(&shown));
            }
            let other = format!("퇴근 후{c}");
            assert_eq!(without_invisible(other.clone()), other);
        }
        assert_eq!(without_invisible("10:00 👩\u{200d}⚕\u{fe0f}".to_owned()), "10:00 👩\u{200d}⚕\u{fe0f}");
    }

    #[test]
    fn the_fast_path_for_clock_times_agrees_with_the_grammar() {
        for text in (0..100).flat_map(|hour| (0..100).map(move |minute| format!("{hour:02}:{minute:02}"))) {
            let by_grammar = token::tokenize(&text).and_then(|tokens| grammar::parse(&tokens));
            assert_eq!(grammar::parse_clock_text(text.as_bytes()), Some(by_grammar), "{text}");
        }
        assert_eq!(parse("09:00"), parse_stored("09:00"));
        for other in ["9:00", "09:00 ", "09.00", "0a:00", "오전 9시"] {
            assert_eq!(grammar::parse_clock_text(other.as_bytes()), None, "{other}");
        }
    }
}
