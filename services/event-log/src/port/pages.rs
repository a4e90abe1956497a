//! Ranges of clinic days, so that a replay can process the days in parts.
//!
//! Streams of days are ordered by name, byte by byte, which is the order of the days. The order must not
//! depend on a database's collation.

use chrono::NaiveDate;

use super::stream::{Category, StreamName};

/// A range of clinic days: after one day, up to and including another. It does not restrict other streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageRange {
    /// Day before the first one, or `None` to start with the first day there is.
    pub after: Option<NaiveDate>,
    /// Last day, or `None` to end with the last day there is.
    pub until: Option<NaiveDate>,
}

impl PageRange {
    /// All days.
    pub const ALL: Self = Self { after: None, until: None };

    /// The same range by stream names, for checking many streams.
    pub fn bounds(&self) -> PageBounds {
        PageBounds { after: self.after.map(StreamName::page), until: self.until.map(StreamName::page) }
    }

    /// Whether a stream is a day in the range, or not a day at all.
    pub fn matches(&self, stream: &StreamName) -> bool {
        *self == Self::ALL || self.bounds().matches(stream)
    }
}

/// A range of clinic days by their stream names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageBounds {
    after: Option<StreamName>,
    until: Option<StreamName>,
}

impl PageBounds {
    /// Whether a stream is a day in the range, or not a day at all.
    pub fn matches(&self, stream: &StreamName) -> bool {
        let within = self.after.as_ref().is_none_or(|after| stream > after)
            && self.until.as_ref().is_none_or(|until| stream <= until);
        within || stream.category() != Category::Daybook
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn two_adjacent_ranges_contain_every_day_exactly_once() {
        let day: NaiveDate = "2026-12-04".parse().unwrap();
        let (before, behind) = (
            PageRange { until: Some(day), ..PageRange::ALL },
            PageRange { after: Some(day), ..PageRange::ALL },
        );
        for page in ["0000", "2026-12-03", "2026-12-04", "2026-12-04x", "2026-12-05", "x"] {
            let page = StreamName::parse(format!("daybook-{page}")).unwrap();
            assert!(before.matches(&page) != behind.matches(&page), "{page}");
        }
        assert!(before.matches(&StreamName::page(day)) && before.matches(&StreamName::privacy()));
    }
}
