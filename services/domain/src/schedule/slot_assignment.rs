//! Where in its day a booking stands: at a time, somewhere in a half of the day, or not yet known.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::hours::Hours;
use crate::requested_time::{self, Ambiguity, ParsedTime};
use crate::time::{ClockTime, Minutes, Period, Span};

/// What a wish was understood as, on the day for which it was made.
///
/// Storage format: `{"at":{"start":"14:00","period":"AFTERNOON"}}`, `{"period":"MORNING"}` or
/// `{"review":"AMBIGUOUS_HOUR"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotAssignment {
    /// At a time. The period is that of the clinic slot that contained it when the booking was placed.
    At {
        /// Start of the treatment.
        start: ClockTime,
        /// The half of the day.
        period: Period,
    },
    /// Somewhere in a half of the day. No time is ever invented for it.
    Period(Period),
    /// Not known: a person has to look at the raw text.
    Review(Ambiguity),
}

impl SlotAssignment {
    /// Places what was understood of a wish on a date.
    pub fn of(understood: ParsedTime, hours: &Hours, date: NaiveDate) -> Self {
        match understood {
            ParsedTime::At(start) => Self::at(start, hours, date),
            ParsedTime::Period(period) => Self::Period(period),
            ParsedTime::Ambiguous(unclear) => Self::Review(unclear),
        }
    }

    /// Places a booking at a time on a date.
    pub fn at(start: ClockTime, hours: &Hours, date: NaiveDate) -> Self {
        Self::At { start, period: hours.period_of(date, start) }
    }

    /// Start of the treatment, where it is known.
    pub const fn start(&self) -> Option<ClockTime> {
        match self {
            Self::At { start, .. } => Some(*start),
            Self::Period(_) | Self::Review(_) => None,
        }
    }

    /// The half of the day, where it is known.
    pub const fn period(&self) -> Option<Period> {
        match self {
            Self::At { period, .. } | Self::Period(period) => Some(*period),
            Self::Review(_) => None,
        }
    }

    /// What a booking of so many minutes takes up: treatment and clearing up, from its start. The one rule for ends.
    pub fn span(&self, total: Minutes) -> Option<Span> {
        self.start().map(|start| Span::from_start(start, total))
    }

    /// How the old free-text column says it, where nobody typed a text: a time, 오전 or 오후; none while under review.
    ///
    /// It reads back as what it says, so the hours that are ambiguous without a marker carry one.
    pub fn legacy_text(&self) -> Option<String> {
        match self {
            Self::At { start, .. } if requested_time::read(&start.to_string()) == ParsedTime::At(*start) => {
                Some(start.to_string())
            }
            Self::At { start, .. } => Some(format!("{} {start}", Period::Morning.korean())),
            Self::Period(period) => Some(period.korean().to_owned()),
            Self::Review(_) => None,
        }
    }
}
