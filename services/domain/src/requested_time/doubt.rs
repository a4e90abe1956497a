//! Texts that the grammar accepts as a time but that may mean something else: a date (`12.25`, `1225`, `10.11.12`), a year
//! (`2030`), or a range that ends before it starts (`14:00~10:00`). A review costs a minute; a wrong time costs a visit.

use super::grammar::{self, AMBIGUOUS_HOURS, Clock, Part};
use super::token::{self, Token};
use crate::time::{DAY_MINUTES, Period};

/// Numbers of four digits that people write for years.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2099;

/// Whether a text that the grammar accepts as a time may mean something else.
pub(super) fn is_doubtful(text: &str) -> bool {
    // Fast path: `HH:MM` is a time.
    if grammar::parse_clock_text(text.as_bytes()).is_some() {
        return false;
    }
    token::tokenize(text).is_ok_and(|tokens| {
        tokens.split(|token| *token == Token::RangeSign).any(may_be_date) || ends_before_it_starts(&tokens)
    })
}

/// Whether one end of a range, or the whole text, may be a date or a year. A marker makes it a time.
fn may_be_date(part: &[Token]) -> bool {
    use Token::{Number, Point};
    match part {
        [Number { value: month, .. }, Point, Number { value: day, .. }] => is_month_and_day(*month, *day),
        [Number { .. }, Point, Number { .. }, Point, Number { .. }] => true,
        // On the full and the half hour it is a time: `0930`.
        [Number { value, digits: 4 }] => {
            YEARS.contains(value) || (value % 100 != 30 && is_month_and_day(value / 100, value % 100))
        }
        _ => false,
    }
}

fn is_month_and_day(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

fn ends_before_it_starts(tokens: &[Token]) -> bool {
    let mut parts = tokens.split(|token| *token == Token::RangeSign).map(grammar::parse_part);
    let (Some(Ok(start)), Some(Ok(end))) = (parts.next(), parts.next()) else { return false };
    let (Some(start_clock), Some(end_clock)) = (start.clock, end.clock) else { return false };
    let Ok(start_time) = grammar::resolve(start_clock, start.marker) else { return false };
    !possible_ends(&end_clock, &end, start.marker).any(|end| end > start_time.minutes())
}

/// The minutes of the day that the end of a range may mean. Without a marker it may be on the 24-hour clock, in the half of
/// the day in which the range starts, or, in an ambiguous hour, in the afternoon.
fn possible_ends(clock: &Clock, end: &Part, start_marker: Option<Period>) -> impl Iterator<Item = u32> {
    let Clock { hour, minute, .. } = *clock;
    let afternoon = (hour < 12).then_some(hour + 12);
    let hours = match (end.marker, start_marker) {
        (Some(Period::Afternoon), _) => [afternoon.or(Some(hour)), None],
        (Some(Period::Morning), _) => [(hour < 12).then_some(hour), None],
        (None, Some(Period::Afternoon)) => [Some(hour), afternoon],
        (None, _) if AMBIGUOUS_HOURS.contains(&hour) => [Some(hour), afternoon],
        (None, _) => [Some(hour), None],
    };
    let minutes = move |hour: u32| hour * 60 + minute;
    hours.into_iter().flatten().map(minutes).filter(move |end| minute < 60 && *end <= DAY_MINUTES)
}

#[cfg(test)]
mod tests {
    use crate::requested_time::{Ambiguity, ParsedTime, parse, parse_stored};

    fn read(text: &str) -> String {
        match parse(text) {
            ParsedTime::At(start) => start.to_string(),
            ParsedTime::Period(period) => period.as_str().to_owned(),
            ParsedTime::Ambiguous(ambiguity) => ambiguity.as_str().to_owned(),
        }
    }

    #[test]
    fn a_text_that_may_be_a_date_or_a_year_goes_to_review() {
        let texts = [
            "12.25",
            "9.30",
            "10.15",
            "12. 25",
            "1２.２5",
            "10.11.12",
            "09.30.00",
            "1225",
            "1031",
            "2030",
            "1959",
            "2000",
            "10.15~11.20",
            "10:00~12.25",
            "2030~2130",
            "10.01",
        ];
        for text in texts {
            assert_eq!(read(text), Ambiguity::NotATime.as_str(), "{text}");
        }
    }

    #[test]
    fn a_text_that_can_only_be_a_time_stays_a_time() {
        let cases = [
            ("14.30", "14:30"),
            ("9.45", "09:45"),
            ("10.00", "10:00"),
            ("13.05", "13:05"),
            ("0930", "09:30"),
            ("1430", "14:30"),
            ("1800", "18:00"),
            ("오전 9.30", "09:30"),
            ("9.30 am", "09:30"),
            ("오후 2030", "20:30"),
            ("20:30", "20:30"),
            ("20시 30분", "20:30"),
            ("12:25", "12:25"),
            ("9:00:00", "09:00"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_range_has_to_come_after_its_start() {
        let cases = [
            ("14:00~15:00", "14:00"),
            ("14:00~10:00", "NOT_A_TIME"),
            ("14:00~14:00", "NOT_A_TIME"),
            ("14:00~3:00", "14:00"),
            ("14:00~24:00", "14:00"),
            ("14:00~25:00", "NOT_A_TIME"),
            ("10:00~10:75", "NOT_A_TIME"),
            ("오후 2시~3시", "14:00"),
            ("오후 2시~1시", "NOT_A_TIME"),
            ("오후 2시~8시", "14:00"),
            ("오전 10시~12시", "10:00"),
            ("오전 10시~2시", "10:00"),
            ("오전 10시~9시", "NOT_A_TIME"),
            ("오전 10시~오후 2시", "10:00"),
            ("오후 2시~오전 10시", "NOT_A_TIME"),
            ("오전 9~10", "09:00"),
            ("10:00-11:00", "10:00"),
            ("11:00-10:00", "NOT_A_TIME"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_recorded_text_keeps_the_time_that_it_was_recorded_with() {
        for (text, time) in [("12.25", "12:25"), ("2030", "20:30"), ("14:00~10:00", "14:00")] {
            assert_eq!(parse_stored(text), ParsedTime::At(time.parse().unwrap()), "{text}");
        }
    }
}
