//! Dates and moments as databases and export tools write them: year, month and day in this order, with or without a time, a
//! fraction and a zone. A form in which day and month could be exchanged, or in which something is missing, is not read.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use daybook_domain::ClinicZone;

use super::reject::Reason;

/// Years that PostgreSQL, chrono and every export tool write with four digits.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// How far from midnight a moment may be that stands for a day: the clinic's zone had other offsets in former years.
const NEAR_MIDNIGHT: TimeDelta = TimeDelta::hours(1);

/// The zone in which a moment that stands for a day has that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayZone {
    Utc,
    /// The clinic's.
    Local,
}

/// How dates are read that were exported as moments.
///
/// A program that stores a day as a moment stores midnight: of UTC, or of its own zone. `1984-02-28 15:00:00` is midnight of
/// 29 February in Seoul and a time on 28 February in UTC. Only the operator can know which day is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateRule {
    pub clinic: ClinicZone,
    /// `None` rejects a row that would have another day in the other zone.
    pub zone: Option<DayZone>,
}

impl Default for DateRule {
    fn default() -> Self {
        Self { clinic: ClinicZone::SEOUL, zone: None }
    }
}

impl DateRule {
    /// A day: a date, or a moment at midnight.
    pub(super) fn day(self, text: &str) -> Result<NaiveDate, Reason> {
        self.read(text)?.ok_or(Reason::NotADate)
    }

    /// A birth date. The old system stores it as a moment, whose time of day means nothing if it is not a midnight.
    pub(super) fn birth_date(self, text: &str) -> Result<NaiveDate, Reason> {
        let not_a_moment =
            |reason: Reason| if reason == Reason::NotADate { Reason::NotATimestamp } else { reason };
        let day = self.read(text).map_err(not_a_moment)?;
        day.or_else(|| moment(text).map(|moment| moment.date_naive())).ok_or(Reason::NotATimestamp)
    }

    /// `None` for a moment that is no midnight.
    fn read(self, text: &str) -> Result<Option<NaiveDate>, Reason> {
        let written = Written::parse(text).ok_or(Reason::NotADate)?;
        if written.time.is_none_or(|time| time == NaiveTime::MIN) {
            return Ok(Some(written.day));
        }
        let moment = written.moment().ok_or(Reason::NotADate)?;
        let Some(local) = nearest_midnight(self.clinic.local(moment)) else { return Ok(None) };
        match self.zone {
            Some(DayZone::Local) => Ok(Some(local)),
            Some(DayZone::Utc) => Ok(Some(moment.date_naive())),
            None if local == moment.date_naive() => Ok(Some(local)),
            None => Err(Reason::DayInDoubt),
        }
    }
}

/// The day whose first moment is at most [`NEAR_MIDNIGHT`] away.
fn nearest_midnight(local: NaiveDateTime) -> Option<NaiveDate> {
    let day = local.checked_add_signed(TimeDelta::hours(12))?.date();
    let distance = local - day.and_time(NaiveTime::MIN);
    (distance.abs() <= NEAR_MIDNIGHT).then_some(day)
}

/// A moment, to the microsecond. Without a zone it is UTC, as the old system writes it.
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    Written::parse(text).filter(|written| written.time.is_some())?.moment()
}

/// A date or moment as it is written.
struct Written {
    day: NaiveDate,
    time: Option<NaiveTime>,
    zone: Zone,
}

#[derive(Clone, Copy)]
enum Zone {
    Offset(TimeDelta),
    Named(Tz),
}

impl Written {
    fn parse(text: &str) -> Option<Self> {
        let (day, rest) = text.trim().split_at_checked(10)?;
        let day = date(day)?;
        if rest.is_empty() {
            return Some(Self { day, time: None, zone: Zone::Offset(TimeDelta::zero()) });
        }
        let rest = rest.strip_prefix([' ', 'T', 't'])?;
        let is_time = |sign: char| sign.is_ascii_digit() || matches!(sign, ':' | '.' | ',');
        let (time, zone) = rest.split_at_checked(rest.find(|sign| !is_time(sign)).unwrap_or(rest.len()))?;
        Some(Self { day, time: Some(time_of_day(time)?), zone: zone_of(zone.trim_start())? })
    }

    fn moment(&self) -> Option<DateTime<Utc>> {
        let local = self.day.and_time(self.time.unwrap_or_default());
        let moment = match self.zone {
            Zone::Offset(offset) => local.checked_sub_signed(offset)?.and_utc(),
            // A time that a clock change skips or repeats has no single moment.
            Zone::Named(zone) => zone.from_local_datetime(&local).single()?.to_utc(),
        };
        YEARS.contains(&chrono::Datelike::year(&moment)).then_some(moment)
    }
}

/// `2025-03-28` with exactly ten characters. The standard parser would also accept `2025-3-8` and `+12025-01-01`.
fn date(text: &str) -> Option<NaiveDate> {
    let shape = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let date: NaiveDate = text.bytes().enumerate().all(shape).then(|| text.parse().ok())??;
    YEARS.contains(&chrono::Datelike::year(&date)).then_some(date)
}

/// `22:24:00`, with a fraction of up to nine digits. Seconds are required, because a spreadsheet that drops them has changed
/// the moment. There is no second 60.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let (clock, fraction) = text.split_at_checked(8)?;
    let [h1, h2, b':', m1, m2, b':', s1, s2] = clock.as_bytes() else { return None };
    let number = |tens: &u8, ones: &u8| {
        (tens.is_ascii_digit() && ones.is_ascii_digit())
            .then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    };
    let nanos = if fraction.is_empty() {
        0
    } else {
        let digits = fraction.strip_prefix(['.', ','])?;
        let is_fraction = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_fraction.then(|| format!("{digits:0<9}").parse::<u32>().ok())??
    };
    let seconds = number(s1, s2).filter(|seconds| *seconds < 60)?;
    NaiveTime::from_hms_nano_opt(number(h1, h2)?, number(m1, m2)?, seconds, nanos / 1000 * 1000)
}

/// `Z`, `+09`, `+0900`, `+09:00`, `UTC`, `KST`, `Asia/Seoul`, or an offset with a name, as Java writes it:
/// `+09:00[Asia/Seoul]`.
fn zone_of(text: &str) -> Option<Zone> {
    let hours = |hours| Some(Zone::Offset(TimeDelta::hours(hours)));
    match text {
        "" | "Z" | "z" | "UTC" | "GMT" => return hours(0),
        "KST" => return hours(9),
        _ => {}
    }
    if let Some((offset, name)) = text.split_once('[') {
        name.strip_suffix(']')?.parse::<Tz>().ok()?;
        return zone_of(offset);
    }
    let Some(offset) = text.strip_prefix(['+', '-']) else { return text.parse().ok().map(Zone::Named) };
    let digits = |text: &str, most: i64| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| is_number && *number <= most)
    };
    let (whole, minutes) = offset.split_at_checked(2)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let minutes: i64 = if minutes.is_empty() { 0 } else { digits(minutes, 59)? };
    let offset = TimeDelta::minutes(digits(whole, 18)? * 60 + minutes);
    Some(Zone::Offset(if text.starts_with('-') { -offset } else { offset }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_moment_is_read_in_every_form_that_names_one() {
        let forms = [
            "2025-11-20 01:02:03",
            "2025-11-20T01:02:03Z",
            "2025-11-20t01:02:03z",
            " 2025-11-20 01:02:03+00 ",
            "2025-11-20 10:02:03+09",
            "2025-11-20 10:02:03 +09:00",
            "2025-11-20T10:02:03+0900",
            "2025-11-19T20:02:03-05:00",
            "2025-11-20 01:02:03 UTC",
            "2025-11-20 10:02:03 KST",
            "2025-11-20 10:02:03 Asia/Seoul",
            "2025-11-20T10:02:03+09:00[Asia/Seoul]",
            "2025-11-20T01:02:03Z[UTC]",
            "2025-11-20 01:02:03.0",
            "2025-11-20 01:02:03,000000000",
        ];
        for form in forms {
            assert_eq!(moment(form).unwrap().to_rfc3339(), "2025-11-20T01:02:03+00:00", "{form}");
        }
        let micros = |text: &str| moment(text).unwrap().timestamp_subsec_nanos();
        assert_eq!(
            (micros("2025-11-20 01:02:03.1"), micros("2025-11-20 01:02:03.123456789")),
            (100_000_000, 123_456_000)
        );
    }

    #[test]
    fn what_is_no_single_moment_is_not_read() {
        let forms = [
            "",
            "2025-11-20",
            "2025-11-20 01:02",
            "2025-11-20  01:02:03",
            "2025-11-20 24:00:00",
            "2025-11-20 23:59:60",
            "2025-11-20 23:59:60.999999",
            "2025-11-20 01:02:03.1234567890",
            "2025-11-20 01:02:03.",
            "2025-11-20 1:02:03",
            "2025-11-20 오전 1:02:03",
            "2025. 11. 20. 01:02:03",
            "11/20/2025 01:02:03",
            "45981.0431",
            "infinity",
            "-infinity",
            "0000-01-01 00:00:00",
            "0001-01-01 00:00:00 BC",
            "10000-01-01 00:00:00",
            "0001-01-01 00:00:00+09",
            "9999-12-31 23:59:59-01",
            "2025-11-20 01:02:03+9",
            "2025-11-20 01:02:03+19:00",
            "2025-11-20 01:02:03 PST8",
            "2025-11-20 01:02:03 Mars/Olympus",
            "2025-02-29 01:02:03",
            // The clock change in New York skips the one and repeats the other.
            "2025-03-09 02:30:00 America/New_York",
            "2025-11-02 01:30:00 America/New_York",
        ];
        for form in forms {
            assert_eq!(moment(form), None, "{form}");
        }
    }

    #[test]
    fn a_day_is_a_date_or_a_midnight_as_it_is_written() {
        let rule = DateRule::default();
        let forms = [
            "2025-12-01",
            " 2025-12-01 ",
            "2025-12-01 00:00:00",
            "2025-12-01T00:00:00.000Z",
            "2025-12-01 00:00:00+00",
            "2025-12-01T00:00:00+09:00",
            "2025-12-01 00:00:00 Asia/Seoul",
        ];
        for form in forms {
            assert_eq!(rule.day(form).unwrap().to_string(), "2025-12-01", "{form}");
        }
        let others = [
            "2025.12.01",
            "2025/12/01",
            "2025-12-1",
            "45992",
            "12/1/2025",
            "2025년 12월 1일",
            "20251201",
            "0000-00-00",
            "2025-02-29",
            "infinity",
            "２０２５-12-01",
            "25-12-01",
            "0000-01-01",
            "10000-01-01",
            "2025-12-01 10:30:00",
        ];
        for form in others {
            assert_eq!(rule.day(form), Err(Reason::NotADate), "{form}");
        }
        assert_eq!(rule.day("2025-11-30T15:00:00.000Z"), Err(Reason::DayInDoubt));
    }

    #[test]
    fn a_birth_date_that_has_two_days_is_read_in_the_zone_that_the_operator_chose() {
        let by = |zone| DateRule { zone, ..DateRule::default() };
        let cases = [
            ("1984-02-28 15:00:00.000", "1984-02-28", "1984-02-29"),
            ("1984-02-28T15:00:00Z", "1984-02-28", "1984-02-29"),
            // Korea was at +08:30 in 1955, and at +10:00 in the summer of 1988.
            ("1955-01-09 15:30:00", "1955-01-09", "1955-01-10"),
            ("1955-01-09 15:00:00", "1955-01-09", "1955-01-10"),
            ("1988-07-09 14:00:00", "1988-07-09", "1988-07-10"),
        ];
        for (text, utc, local) in cases {
            assert_eq!(by(None).birth_date(text), Err(Reason::DayInDoubt), "{text}");
            assert_eq!(by(Some(DayZone::Utc)).birth_date(text).unwrap().to_string(), utc, "{text}");
            assert_eq!(by(Some(DayZone::Local)).birth_date(text).unwrap().to_string(), local, "{text}");
        }
        for zone in [None, Some(DayZone::Utc), Some(DayZone::Local)] {
            for text in
                ["1984-02-29", "1984-02-29 00:00:00", "1984-02-29T00:00:00+09:00", "1984-02-29 10:30:00"]
            {
                assert_eq!(by(zone).birth_date(text).unwrap().to_string(), "1984-02-29", "{text}");
            }
            assert_eq!(by(zone).birth_date("29 February 1984"), Err(Reason::NotATimestamp));
        }
    }

    #[test]
    fn where_midnight_is_on_the_same_day_in_both_zones_nothing_is_in_doubt() {
        let rule = DateRule { clinic: "America/New_York".parse().unwrap(), zone: None };
        assert_eq!(rule.birth_date("1984-02-29 05:00:00").unwrap().to_string(), "1984-02-29");
        assert_eq!(rule.birth_date("1984-02-29 00:00:00").unwrap().to_string(), "1984-02-29");
    }
}
