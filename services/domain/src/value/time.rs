//! Ranges of dates and moments.

use chrono::{DateTime, NaiveDate, Timelike, Utc};

use super::Range;

/// A range of dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dates {
    pub first: NaiveDate,
    pub last: NaiveDate,
}

impl Dates {
    /// The range for messages.
    pub const fn range(self) -> Range {
        Range::Dates(self)
    }

    /// Whether a date is in the range.
    pub fn contains(self, date: NaiveDate) -> bool {
        (self.first..=self.last).contains(&date)
    }

    /// Checks a date.
    pub fn check(self, date: NaiveDate) -> Result<(), Range> {
        if self.contains(date) { Ok(()) } else { Err(self.range()) }
    }
}

/// A range of instants, as days in UTC. It has no leap seconds: the views cannot hold 23:59:60.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    pub first: NaiveDate,
    pub last: NaiveDate,
}

impl Moments {
    /// The range for messages.
    pub const fn range(self) -> Range {
        Range::Moments(self)
    }

    /// Checks an instant.
    pub fn check(self, instant: DateTime<Utc>) -> Result<(), Range> {
        let date = instant.date_naive();
        // chrono represents a leap second as a nanosecond beyond the second before it.
        let is_leap_second = instant.nanosecond() >= 1_000_000_000;
        if !is_leap_second && self.first <= date && date <= self.last { Ok(()) } else { Err(self.range()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CLINIC_DAYS, MOMENTS};

    #[test]
    fn the_calendar_has_three_hundred_years_and_no_leap_seconds() {
        for right in ["1900-01-01", "2199-12-31"] {
            assert!(CLINIC_DAYS.contains(right.parse().unwrap()), "{right}");
        }
        for wrong in ["1899-12-31", "2200-01-01", "0000-01-01", "-0044-03-15", "+12025-01-01"] {
            assert!(!CLINIC_DAYS.contains(wrong.parse().unwrap()), "{wrong}");
        }
        for right in ["1900-01-01T00:00:00Z", "2199-12-31T23:59:59.999999999Z", "2016-12-31T23:59:59.999999Z"]
        {
            assert_eq!(MOMENTS.check(right.parse().unwrap()), Ok(()), "{right}");
        }
        for wrong in ["1899-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2016-12-31T23:59:60.999999Z"] {
            assert!(MOMENTS.check(wrong.parse().unwrap()).is_err(), "{wrong}");
        }
    }
}
