//! The grammar: `part [~ part]`, where a part is `[marker] clock [marker]` or a marker alone. It never sees raw text except
//! in the fast path for `HH:MM`.

use super::token::Token;
use super::{Ambiguity, ParsedTime};
use crate::time::{ClockTime, Period};

/// Hours that may be morning or afternoon without a marker.
pub(super) const AMBIGUOUS_HOURS: std::ops::RangeInclusive<u32> = 1..=6;

/// One end of a range, or the whole text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) marker: Option<Period>,
    pub(super) clock: Option<Clock>,
}

/// Hour and minute as written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) hour: u32,
    pub(super) minute: u32,
    /// Whether it is a number alone, which is a time only with a marker.
    bare: bool,
}

/// Parses the most frequent form `HH:MM` without tokens; `None` for any other form.
pub(super) fn parse_clock_text(text: &[u8]) -> Option<Result<ParsedTime, Ambiguity>> {
    let [h1, h2, b':', m1, m2] = text else { return None };
    let number = |tens: &u8, ones: &u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    };
    let clock = Clock { hour: number(h1, h2)?, minute: number(m1, m2)?, bare: false };
    Some(resolve(clock, None).map(ParsedTime::At))
}

/// Parses all tokens of a text.
pub(super) fn parse(tokens: &[Token]) -> Result<ParsedTime, Ambiguity> {
    let mut parts = tokens.split(|token| *token == Token::RangeSign);
    let first = parse_part(parts.next().unwrap_or_default())?;
    if let Some(second) = parts.next() {
        // Only the start of a range counts, but the end has to be a time too.
        let second = parse_part(second)?;
        if first.clock.is_none() || second.clock.is_none() || parts.next().is_some() {
            return Err(Ambiguity::NotATime);
        }
    }
    match (first.clock, first.marker) {
        (Some(clock), marker) => resolve(clock, marker).map(ParsedTime::At),
        (None, Some(period)) => Ok(ParsedTime::Period(period)),
        (None, None) => Err(Ambiguity::NotATime),
    }
}

pub(super) fn parse_part(tokens: &[Token]) -> Result<Part, Ambiguity> {
    let (before, rest) = match tokens {
        [Token::Marker(period), rest @ ..] => (Some(*period), rest),
        rest => (None, rest),
    };
    let (after, clock) = match rest {
        [clock @ .., Token::Marker(period)] => (Some(*period), clock),
        clock => (None, clock),
    };
    let marker = match (before, after) {
        (Some(before), Some(after)) if before != after => return Err(Ambiguity::Contradiction),
        (before, after) => before.or(after),
    };
    let anytime = clock.iter().all(|token| *token == Token::Anytime);
    let clock = if anytime { None } else { Some(parse_clock(clock)?) };
    Ok(Part { marker, clock })
}

fn parse_clock(tokens: &[Token]) -> Result<Clock, Ambiguity> {
    use Token::{Half, Hour, Minute, Number, Point, Separator};
    let (hour, minute, bare) = match tokens {
        [Number { value, digits: 4 }] => (value / 100, value % 100, false),
        [Number { value, .. }] => (*value, 0, true),
        [Number { value: hour, .. }, Separator | Point, Number { value: minute, digits: 2 }] => {
            (*hour, *minute, false)
        }
        [
            Number { value: hour, .. },
            Separator | Point,
            Number { value: minute, digits: 2 },
            Separator | Point,
            Number { value: 0..=59, digits: 2 },
        ] => (*hour, *minute, false),
        [Number { value: hour, .. }, Hour] => (*hour, 0, false),
        [Number { value: hour, .. }, Hour, Half] => (*hour, 30, false),
        [Number { value: hour, .. }, Hour, Number { value: minute, .. }, Minute] => (*hour, *minute, false),
        _ => return Err(Ambiguity::NotATime),
    };
    Ok(Clock { hour, minute, bare })
}

pub(super) fn resolve(clock: Clock, marker: Option<Period>) -> Result<ClockTime, Ambiguity> {
    let Clock { hour, minute, bare } = clock;
    if bare && marker.is_none() {
        return Err(Ambiguity::NotATime);
    }
    // Without a marker, midnight is more often a placeholder than a time.
    let is_midnight = hour == 0 && marker != Some(Period::Morning);
    if is_midnight || hour > 23 || minute > 59 {
        return Err(Ambiguity::ImpossibleTime);
    }
    let hour = match (marker, hour) {
        (Some(Period::Morning), 12) => return Err(Ambiguity::ImpossibleTime), // midnight
        (Some(Period::Morning), 13..) => return Err(Ambiguity::Contradiction),
        (Some(Period::Afternoon), ..=11) => hour + 12,
        (None, hour) if AMBIGUOUS_HOURS.contains(&hour) => return Err(Ambiguity::AmbiguousHour),
        (Some(_) | None, hour) => hour,
    };
    ClockTime::new(hour, minute).ok_or(Ambiguity::ImpossibleTime)
}
