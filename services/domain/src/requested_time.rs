//! A patient's wish for a time: free text in the old system, and what it is understood as.
//!
//! The rules, in short: an explicit marker (오전, 오후, am, pm, morning, afternoon) decides; without one the hours 7 to 23
//! are read as the 24-hour clock says and the hours 1 to 6 are ambiguous. What is ambiguous or not understood goes to
//! review with its raw text kept; it is never defaulted. A text is understood only if every character of it is.

mod form;
mod grammar;
mod shape;
mod token;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{ClockTime, Period};

pub use form::Form;
pub use shape::{canonical, shape};

/// Longest text that is looked at, in bytes. Anything longer is no time of day.
pub const MAX_REQUESTED_TIME_LENGTH: usize = 200;

/// What a wish is understood as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParsedTime {
    /// A time of day.
    At(ClockTime),
    /// A half of the day, and no more.
    Period(Period),
    /// Nothing that one could act on.
    Ambiguous(Ambiguity),
}

/// Why a wish needs a person's review. The spellings are storage format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Ambiguity {
    /// Nothing was written.
    Empty,
    /// An hour from 1 to 6 without 오전 or 오후.
    AmbiguousHour,
    /// A time that no clock shows, or midnight.
    ImpossibleTime,
    /// Two statements that exclude each other, such as 오전 14시.
    Contradiction,
    /// Words, or a number that need not be a time.
    NotATime,
    /// The text was erased when the patient was forgotten.
    Erased,
}

impl Ambiguity {
    /// All reasons, in the order in which reports list them.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::AmbiguousHour,
        Self::ImpossibleTime,
        Self::Contradiction,
        Self::NotATime,
        Self::Erased,
    ];

    /// As columns and JSON hold it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::AmbiguousHour => "AMBIGUOUS_HOUR",
            Self::ImpossibleTime => "IMPOSSIBLE_TIME",
            Self::Contradiction => "CONTRADICTION",
            Self::NotATime => "NOT_A_TIME",
            Self::Erased => "ERASED",
        }
    }
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Says in which form a wish is written, where it is understood. Follows [`read`].
pub fn form(text: &str) -> Option<Form> {
    match read(text) {
        ParsedTime::At(_) | ParsedTime::Period(_) => token::scan(text).ok().map(|tokens| Form::of(&tokens)),
        ParsedTime::Ambiguous(_) => None,
    }
}

/// Reads a free-text wish.
pub fn read(text: &str) -> ParsedTime {
    if text.trim().is_empty() {
        return ParsedTime::Ambiguous(Ambiguity::Empty);
    }
    if text.len() > MAX_REQUESTED_TIME_LENGTH {
        return ParsedTime::Ambiguous(Ambiguity::NotATime);
    }
    let understood = match grammar::plain(text.as_bytes()) {
        Some(plain) => plain,
        None => token::scan(text).and_then(|tokens| grammar::parse(&tokens)),
    };
    understood.unwrap_or_else(ParsedTime::Ambiguous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_time_is_understood_as_if_it_had_been_taken_apart() {
        for text in (0..100).flat_map(|hour| (0..100).map(move |minute| format!("{hour:02}:{minute:02}"))) {
            let apart = token::scan(&text).and_then(|tokens| grammar::parse(&tokens));
            assert_eq!(grammar::plain(text.as_bytes()), Some(apart), "{text}");
        }
        for other in ["9:00", "09:00 ", "09.00", "0a:00", "오전 9시"] {
            assert_eq!(grammar::plain(other.as_bytes()), None, "{other}");
        }
    }
}
