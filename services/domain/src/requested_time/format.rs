//! Names for the formats that the grammar accepts. For reports; no decision may depend on them.

use super::token::Token;

/// The format of a requested time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeFormat {
    /// `09:30`, `14.30`
    Clock,
    /// `9:30 AM`, `오후 2:30`
    ClockWithMarker,
    /// `10시`, `10시 반`, `10시 30분`
    Hour,
    /// `오전 9시`, `오후 2시 30분`
    HourWithMarker,
    /// `0930`
    FourDigits,
    /// `오전 9`, `3pm`
    NumberWithMarker,
    /// `10:00~11:00`; only the start counts.
    Range,
    /// `오전`, `morning`, `오후 아무때나`
    HalfDay,
}

impl TimeFormat {
    /// The name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::ClockWithMarker => "clock-with-marker",
            Self::Hour => "hour",
            Self::HourWithMarker => "hour-with-marker",
            Self::FourDigits => "four-digits",
            Self::NumberWithMarker => "number-with-marker",
            Self::Range => "range",
            Self::HalfDay => "half-day",
        }
    }

    /// The format of tokens that the grammar accepts.
    pub(super) fn from_tokens(tokens: &[Token]) -> Self {
        let any = |predicate: fn(&Token) -> bool| tokens.iter().any(predicate);
        if any(|token| *token == Token::RangeSign) {
            return Self::Range;
        }
        let marked = any(|token| matches!(token, Token::Marker(_)));
        let digits = tokens.iter().find_map(|token| match token {
            Token::Number { digits, .. } => Some(*digits),
            Token::Separator
            | Token::Point
            | Token::Hour
            | Token::Minute
            | Token::Half
            | Token::Marker(_)
            | Token::RangeSign
            | Token::Anytime => None,
        });
        let (hour, clock) = (any(|token| *token == Token::Hour), any(|token| token.separates()));
        match (digits, hour, clock, marked) {
            (None, ..) => Self::HalfDay,
            (Some(_), true, _, true) => Self::HourWithMarker,
            (Some(_), true, _, false) => Self::Hour,
            (Some(_), false, true, true) => Self::ClockWithMarker,
            (Some(_), false, true, false) => Self::Clock,
            (Some(4), false, false, _) => Self::FourDigits,
            (Some(_), false, false, _) => Self::NumberWithMarker,
        }
    }
}
