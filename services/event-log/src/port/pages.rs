//! Ranges of pages: so that a replay can take the clinic's days a part at a time.
//!
//! Pages are ordered by name, byte by byte, which is the order of their days. It must never be an order that a database
//! sees in another way.

use chrono::NaiveDate;

use super::stream::{Category, StreamName};

/// Which pages a reader wants: those after one day's, up to and with another's. Of other streams it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageRange {
    /// The day whose page is just before the first one; none begins with the first page there is.
    pub after: Option<NaiveDate>,
    /// The day of the last page; none goes on to the last page there is.
    pub until: Option<NaiveDate>,
}

impl PageRange {
    /// All pages.
    pub const ALL: Self = Self { after: None, until: None };

    /// The range by names, for whoever asks it of many streams.
    pub fn bounds(&self) -> PageBounds {
        PageBounds { after: self.after.map(StreamName::page), until: self.until.map(StreamName::page) }
    }

    /// Whether a stream is wanted: a page of the range, or no page at all.
    pub fn matches(&self, stream: &StreamName) -> bool {
        *self == Self::ALL || self.bounds().matches(stream)
    }
}

/// A range of pages by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageBounds {
    after: Option<StreamName>,
    until: Option<StreamName>,
}

impl PageBounds {
    /// Whether a stream is wanted: a page of the range, or no page at all.
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
    fn every_page_is_in_exactly_one_of_two_ranges_that_meet() {
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
