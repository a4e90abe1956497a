//! The slot of a booking in its day: a time, a half-day, or unknown until a review.
//!
//! It must never invent a time for a half-day or for a text that could not be parsed.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::hours::Hours;
use crate::requested_time::{self, Ambiguity, ParsedTime};
use crate::time::{ClockTime, DayClock, Interval, Minutes, Period, Span};

/// The slot that a requested time got on its day.
///
/// Storage format: `{"at":{"start":"14:00","period":"AFTERNOON"}}`, `{"period":"MORNING"}` or
/// `{"review":"AMBIGUOUS_HOUR"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotAssignment {
    /// A time. The period is that of the clinic slot that contained it when it was assigned.
    At {
        start: ClockTime,
        /// The half of the day.
        period: Period,
    },
    /// A half-day without a time.
    Period(Period),
    /// Unknown: a person has to review the text.
    Review(Ambiguity),
}

impl SlotAssignment {
    /// The slot for a parsed time on a date.
    pub fn from_parsed(parsed_time: ParsedTime, hours: &Hours, date: NaiveDate) -> Self {
        match parsed_time {
            ParsedTime::At(start) => Self::at(start, hours, date),
            ParsedTime::Period(period) => Self::Period(period),
            ParsedTime::Ambiguous(ambiguity) => Self::Review(ambiguity),
        }
    }

    /// The slot at a time on a date.
    pub fn at(start: ClockTime, hours: &Hours, date: NaiveDate) -> Self {
        Self::At { start, period: hours.period_of(date, start) }
    }

    /// Start of the treatment, if known.
    pub const fn start(&self) -> Option<ClockTime> {
        match self {
            Self::At { start, .. } => Some(*start),
            Self::Period(_) | Self::Review(_) => None,
        }
    }

    /// The half of the day, if known.
    pub const fn period(&self) -> Option<Period> {
        match self {
            Self::At { period, .. } | Self::Period(period) => Some(*period),
            Self::Review(_) => None,
        }
    }

    /// The time that a booking of `total` minutes occupies. The only place that computes the end of a booking.
    pub fn span(&self, total: Minutes) -> Option<Span> {
        self.start().map(|start| Span::from_start(start, total))
    }

    /// The time that really passes during a treatment of `total` minutes.
    pub fn interval(&self, clock: &DayClock, total: Minutes) -> Option<Interval> {
        self.start().map(|start| Interval::from_start(clock.instant(start), total))
    }

    /// The text for the old free-text column if the client sent none: a time, 오전 or 오후; `None` while under review.
    ///
    /// The text parses back to the same slot, so a time that is ambiguous without a marker gets one.
    pub fn legacy_text(&self) -> Option<String> {
        match self {
            Self::At { start, .. } if requested_time::parse(&start.to_string()) == ParsedTime::At(*start) => {
                Some(start.to_string())
            }
            Self::At { start, .. } => Some(format!("{} {start}", Period::Morning.korean())),
            Self::Period(period) => Some(period.korean().to_owned()),
            Self::Review(_) => None,
        }
    }
}
