//! Clinic time: the zone, times of day, spans, and the two halves of a day.
//!
//! All times of a booking are local to the clinic and lie within one day. No other module converts between instants and
//! clinic days or calculates with minutes of a day, and nothing here reads a clock. [`Span`] is what the clock shows,
//! [`Interval`] the time that passes.

mod day_clock;

use std::fmt::{self, Write as _};
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use serde::{Deserialize, Serialize};

use crate::vocabulary::vocabulary;

use day_clock::ClockChange;
pub use day_clock::{DayClock, Instant, Interval};

/// A duration in minutes.
pub type Minutes = u32;

/// Minutes of a day.
pub const DAY_MINUTES: Minutes = 24 * 60;

/// The clinic's IANA time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClinicZone(chrono_tz::Tz);

/// The text is not the name of an IANA time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an IANA time zone; use a name such as Asia/Seoul")]
pub struct UnknownZone(String);

impl ClinicZone {
    /// The default zone.
    pub const SEOUL: Self = Self(chrono_tz::Asia::Seoul);

    /// The local date and time at an instant.
    pub fn local(self, instant: DateTime<Utc>) -> NaiveDateTime {
        self.at(instant).naive_local()
    }

    /// The same with the zone's offset and abbreviation.
    pub fn at(self, instant: DateTime<Utc>) -> DateTime<chrono_tz::Tz> {
        instant.with_timezone(&self.0)
    }

    /// How the clock runs on a day.
    ///
    /// No zone is more than 16 hours from UTC and none changes its clock twice within a week, so what happens between the
    /// ends of this window is at most one change.
    pub fn day_clock(self, date: NaiveDate) -> DayClock {
        const FARTHEST: i64 = 16 * 60 * 60;
        let midnight = date.and_time(NaiveTime::MIN).and_utc().timestamp();
        let (mut before, mut after) =
            (midnight - FARTHEST, midnight + i64::from(DAY_MINUTES) * 60 + FARTHEST);
        let (offset, offset_after) = (self.offset_at(before), self.offset_at(after));
        if offset == offset_after {
            return DayClock { midnight, offset, change: None };
        }
        while before + 1 < after {
            let middle = before.midpoint(after);
            if self.offset_at(middle) == offset { before = middle } else { after = middle }
        }
        DayClock { midnight, offset, change: Some(ClockChange { at: after, offset: offset_after }) }
    }

    /// How far the clock is ahead of UTC at an instant, in seconds.
    fn offset_at(self, timestamp: i64) -> i64 {
        let utc = DateTime::from_timestamp(timestamp, 0).unwrap_or_default().naive_utc();
        i64::from(self.0.offset_from_utc_datetime(&utc).fix().local_minus_utc())
    }
}

/// The current instant and the zone of the clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClinicNow {
    pub instant: DateTime<Utc>,
    pub zone: ClinicZone,
}

impl ClinicNow {
    /// The local date and time.
    pub fn local(self) -> NaiveDateTime {
        self.zone.local(self.instant)
    }

    /// The clinic's current date.
    pub fn today(self) -> NaiveDate {
        self.local().date()
    }
}

impl FromStr for ClinicZone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        name.parse().map(Self).map_err(|_| UnknownZone(name.to_owned()))
    }
}

impl fmt::Display for ClinicZone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.name())
    }
}

/// The text is not a time of day in the form `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time of day has the form HH:MM, from 00:00 to 23:59")]
pub struct InvalidClockTime;

/// A local time of day, to the minute. `24:00` is valid only as the end of a span.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(u16);

impl ClockTime {
    /// The time `hour:minute`; `None` if there is no such time.
    pub const fn new(hour: u32, minute: u32) -> Option<Self> {
        if hour < 24 && minute < 60 { Some(Self((hour * 60 + minute) as u16)) } else { None }
    }

    /// The end of a day, `24:00`.
    pub const MIDNIGHT: Self = Self(DAY_MINUTES as u16);

    /// Minutes since midnight.
    pub const fn minutes(self) -> Minutes {
        self.0 as Minutes
    }

    /// This time plus `minutes`, but not later than `24:00`.
    pub const fn plus(self, minutes: Minutes) -> Self {
        let sum = self.minutes().saturating_add(minutes);
        Self(if sum > DAY_MINUTES { DAY_MINUTES as u16 } else { sum as u16 })
    }
}

impl FromStr for ClockTime {
    type Err = InvalidClockTime;

    fn from_str(text: &str) -> Result<Self, InvalidClockTime> {
        let [h1, h2, b':', m1, m2] = text.as_bytes() else {
            return Err(InvalidClockTime);
        };
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0')).ok_or(InvalidClockTime);
        let (hour, minute) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
        match (hour, minute) {
            (24, 0) => Ok(Self::MIDNIGHT),
            _ => Self::new(hour, minute).ok_or(InvalidClockTime),
        }
    }
}

impl TryFrom<String> for ClockTime {
    type Error = InvalidClockTime;

    fn try_from(text: String) -> Result<Self, InvalidClockTime> {
        text.parse()
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = |number: u16| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8].map(char::from);
        let ([h1, h2], [m1, m2]) = (digits(self.0 / 60), digits(self.0 % 60));
        [h1, h2, ':', m1, m2].into_iter().try_for_each(|letter| formatter.write_char(letter))
    }
}

impl fmt::Debug for ClockTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A span of one day, from its start up to but not including its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first minute.
    pub start: ClockTime,
    /// The first minute after the span.
    pub end: ClockTime,
}

impl Span {
    /// What the clock shows during the `minutes` from `start` on an ordinary day, cut at midnight. For display: the rules
    /// calculate with an [`Interval`], which is not cut.
    pub const fn from_start(start: ClockTime, minutes: Minutes) -> Self {
        Self { start, end: start.plus(minutes) }
    }

    /// The length of the span.
    pub const fn minutes(self) -> Minutes {
        self.end.minutes().saturating_sub(self.start.minutes())
    }

    /// Whether a time lies in the span.
    pub fn contains(self, time: ClockTime) -> bool {
        self.start <= time && time < self.end
    }

    /// Whether the spans have a minute in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

vocabulary! {
    /// The two halves of a clinic day, named as in the old system.
    Period {
        /// 오전
        Morning = "MORNING",
        /// 오후
        Afternoon = "AFTERNOON",
    }
}

impl Period {
    /// The half of the day by the clock alone. The period of a clinic slot that contains the time has priority.
    pub const fn by_clock(time: ClockTime) -> Self {
        if time.minutes() < DAY_MINUTES / 2 { Self::Morning } else { Self::Afternoon }
    }

    /// The spelling in the old free-text column. A half-day never becomes an invented time.
    pub const fn korean(self) -> &'static str {
        match self {
            Self::Morning => "오전",
            Self::Afternoon => "오후",
        }
    }
}

/// A day of the week as the old system numbers it: 0 (Sunday) to 6 (Saturday).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct DayOfWeek(u8);

/// The number is not a day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day of the week is a number from 0 (Sunday) to 6 (Saturday)")]
pub struct InvalidDayOfWeek;

impl DayOfWeek {
    /// Sunday to Saturday.
    pub const ALL: [Self; 7] = [Self(0), Self(1), Self(2), Self(3), Self(4), Self(5), Self(6)];

    /// The weekday of a date.
    pub fn from_date(date: NaiveDate) -> Self {
        Self(date.weekday().num_days_from_sunday() as u8)
    }

    /// 0 (Sunday) to 6 (Saturday).
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for DayOfWeek {
    type Error = InvalidDayOfWeek;

    fn try_from(number: u8) -> Result<Self, InvalidDayOfWeek> {
        if number < 7 { Ok(Self(number)) } else { Err(InvalidDayOfWeek) }
    }
}

impl From<DayOfWeek> for u8 {
    fn from(day: DayOfWeek) -> Self {
        day.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> ClockTime {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_time_has_exactly_one_spelling() {
        assert_eq!(at("09:05").to_string(), "09:05");
        for wrong in ["9:05", "24:01", "25:00", "10:60", "10-30", "", "+1:30", "１０:30"] {
            assert_eq!(wrong.parse::<ClockTime>(), Err(InvalidClockTime), "{wrong}");
        }
    }

    #[test]
    fn a_span_excludes_its_end() {
        let span = Span::from_start(at("09:00"), 30);
        assert!(span.contains(at("09:29")) && !span.contains(at("09:30")));
        assert!(!span.overlaps(Span::from_start(at("09:30"), 10)));
        assert!(span.overlaps(Span::from_start(at("09:29"), 10)));
        assert_eq!(Span::from_start(at("23:50"), 30).end, at("24:00"));
    }

    #[test]
    fn a_clinic_day_begins_at_local_midnight() {
        let instant = "2026-11-30T15:00:00Z".parse().unwrap();
        assert_eq!(ClinicZone::SEOUL.local(instant).to_string(), "2026-12-01 00:00:00");
        assert!("Asia/Atlantis".parse::<ClinicZone>().is_err());
    }
}
