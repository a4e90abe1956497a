//! How the clinic's clock runs on one day, and the time that really passes between two times of it.
//!
//! On most days both are the same. When the clocks change, a local time may not exist, exist twice, or be an hour further
//! from the next one than it looks. One rule covers all of that: a local time means the first instant at which the clock
//! shows it or a later time. So each local time is one instant, and a later time is never an earlier instant.

use chrono::{DateTime, Utc};

use super::{ClockTime, DAY_MINUTES, Minutes, Span};

/// An instant in seconds of UTC. The difference of two instants is the time that passes between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(i64);

impl Instant {
    /// Before all others.
    pub const MIN: Self = Self(i64::MIN);
    /// After all others.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant `minutes` later.
    #[must_use]
    pub const fn plus(self, minutes: Minutes) -> Self {
        Self(self.0.saturating_add(minutes as i64 * 60))
    }

    /// As a moment of UTC; `None` outside the years that those can have.
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.0, 0)
    }

    /// The first instant after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp())
    }
}

/// The time between two instants, without the second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    pub start: Instant,
    pub end: Instant,
}

impl Interval {
    /// The interval of `minutes` from `start`.
    pub const fn from_start(start: Instant, minutes: Minutes) -> Self {
        Self { start, end: start.plus(minutes) }
    }

    /// Its length in whole minutes.
    pub const fn minutes(self) -> Minutes {
        let seconds = self.end.0.saturating_sub(self.start.0);
        if seconds <= 0 { 0 } else { (seconds / 60) as Minutes }
    }

    /// Whether no time passes in it.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether an instant lies in it.
    pub fn contains(self, instant: Instant) -> bool {
        self.start <= instant && instant < self.end
    }

    /// Whether they have an instant in common.
    pub fn overlaps(self, other: Self) -> bool {
        !self.and(other).is_empty()
    }

    /// The part that lies in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// The parts that lie in none of the others, in order.
    pub fn without(self, others: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut parts = vec![self];
        for other in others {
            parts = parts.into_iter().flat_map(|part| part.around(other)).collect();
        }
        parts
    }

    /// What is left of this interval before and after another one.
    fn around(self, other: Self) -> impl Iterator<Item = Self> {
        let cut = if self.overlaps(other) { other } else { Self { start: self.end, end: self.end } };
        let before = Self { start: self.start, end: cut.start };
        let after = Self { start: cut.end, end: self.end };
        [before, after].into_iter().filter(|part| !part.is_empty())
    }
}

/// The clinic's clock on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayClock {
    /// The start of the day in seconds, as if the clock showed UTC.
    pub(super) midnight: i64,
    /// How far the clock is ahead of UTC, in seconds.
    pub(super) offset: i64,
    /// The change that falls on this day, if there is one.
    pub(super) change: Option<ClockChange>,
}

/// A change of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockChange {
    /// When, in seconds of UTC.
    pub(super) at: i64,
    /// How far the clock is ahead of UTC from then on, in seconds.
    pub(super) offset: i64,
}

impl DayClock {
    fn local(&self, time: ClockTime) -> i64 {
        self.midnight.saturating_add(i64::from(time.minutes()) * 60)
    }

    /// The first instant at which the clock shows this time or a later one.
    pub fn instant(&self, time: ClockTime) -> Instant {
        let local = self.local(time);
        match self.change {
            Some(change) if local - self.offset >= change.at => {
                Instant((local - change.offset).max(change.at))
            }
            Some(_) | None => Instant(local - self.offset),
        }
    }

    /// Whether the clock shows this time on this day.
    pub fn shows(&self, time: ClockTime) -> bool {
        let local = self.local(time);
        self.change.is_none_or(|change| local - self.offset < change.at || change.at <= local - change.offset)
    }

    /// The time that passes during a span of the clock.
    pub fn interval(&self, span: Span) -> Interval {
        Interval { start: self.instant(span.start), end: self.instant(span.end) }
    }

    /// The end of the day.
    pub fn end(&self) -> Instant {
        self.instant(ClockTime::MIDNIGHT)
    }

    /// What the clock shows at an instant: `00:00` before the day, and `24:00` after it.
    pub fn time_at(&self, instant: Instant) -> ClockTime {
        let changed = self.change.filter(|change| change.at <= instant.0);
        let offset = changed.map_or(self.offset, |change| change.offset);
        let seconds = instant.0.saturating_add(offset).saturating_sub(self.midnight);
        ClockTime((seconds / 60).clamp(0, i64::from(DAY_MINUTES)) as u16)
    }

    /// The first instant from `instant` on that a time of this day names. It is the end of the day if there is none.
    pub fn first_start_from(&self, instant: Instant) -> Instant {
        let (mut earlier, mut found) = (0, DAY_MINUTES);
        while earlier < found {
            let middle = earlier.midpoint(found);
            if self.instant(ClockTime(middle as u16)) < instant {
                earlier = middle + 1
            } else {
                found = middle
            }
        }
        self.instant(ClockTime(found as u16))
    }
}
