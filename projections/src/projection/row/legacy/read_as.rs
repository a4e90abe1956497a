//! What a text was assigned as if it does not say so itself: the legacy view's column `readAs`.
//!
//! The old system only has the text. A clinic-specific rule may assign a time to a text that readers of that column
//! cannot read or read differently. The text stays as it was typed, and this column says what it stands for.

use std::fmt;
use std::str::FromStr;

use daybook_domain::schedule::SlotAssignment;
use daybook_domain::{ClockTime, Period};
use serde::{Deserialize, Serialize};

/// The column's value for a text that awaits review.
const REVIEW: &str = "REVIEW";

/// What a text was assigned as. In the column: `HH:MM`, `MORNING`, `AFTERNOON` or `REVIEW`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum ReadAs {
    At(ClockTime),
    Period(Period),
    Review,
}

impl ReadAs {
    /// From a slot assignment.
    pub(super) const fn from_assignment(assignment: &SlotAssignment) -> Self {
        match assignment {
            SlotAssignment::At { start, .. } => Self::At(*start),
            SlotAssignment::Period(period) => Self::Period(*period),
            SlotAssignment::Review(_) => Self::Review,
        }
    }

    /// The slot assignment. The column lacks the half-day of a time, which the old text does not need.
    pub(super) const fn slot_assignment(self) -> Option<SlotAssignment> {
        match self {
            Self::At(start) => Some(SlotAssignment::At { start, period: Period::by_clock(start) }),
            Self::Period(period) => Some(SlotAssignment::Period(period)),
            Self::Review => None,
        }
    }
}

impl fmt::Display for ReadAs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(start) => start.fmt(formatter),
            Self::Period(period) => formatter.write_str(period.as_str()),
            Self::Review => formatter.write_str(REVIEW),
        }
    }
}

/// The column contains another value.
#[derive(Debug, thiserror::Error)]
#[error("the column readAs holds HH:MM, MORNING, AFTERNOON or REVIEW")]
pub(crate) struct UnknownReading;

impl FromStr for ReadAs {
    type Err = UnknownReading;

    fn from_str(text: &str) -> Result<Self, UnknownReading> {
        match text.parse::<Period>() {
            Ok(period) => Ok(Self::Period(period)),
            Err(_) if text == REVIEW => Ok(Self::Review),
            Err(_) => text.parse().map(Self::At).map_err(|_| UnknownReading),
        }
    }
}

impl TryFrom<String> for ReadAs {
    type Error = UnknownReading;

    fn try_from(text: String) -> Result<Self, UnknownReading> {
        text.parse()
    }
}

impl From<ReadAs> for String {
    fn from(read_as: ReadAs) -> Self {
        read_as.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_column_reads_back_as_it_was_written() {
        for text in ["12:30", "01:00", "MORNING", "AFTERNOON", "REVIEW"] {
            assert_eq!(text.parse::<ReadAs>().unwrap().to_string(), text);
        }
        assert!("noon".parse::<ReadAs>().is_err());
    }
}
