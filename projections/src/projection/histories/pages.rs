//! Which pages a pass gathers: what each of them takes, where the pages are cut when that is too much, and what is left for
//! the passes that follow.
//!
//! It must never divide a page: what happened to a reservation stands on one page, and its row is made of all of it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_event_log::{Category, PageRange, StreamName};
use indexmap::IndexMap;

/// The pages of a pass.
#[derive(Debug, Default)]
pub(super) struct Pages {
    by_name: IndexMap<StreamName, Page, foldhash::fast::RandomState>,
    bytes: usize,
    events: u64,
    until: Option<Until>,
    left: BTreeMap<StreamName, u64>,
}

#[derive(Debug, Default)]
struct Page {
    bytes: usize,
    events: u64,
}

/// The last page that is gathered.
#[derive(Debug, Clone)]
struct Until {
    day: NaiveDate,
    name: StreamName,
}

/// Where a pass was cut, and what it left.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The last day that was gathered.
    day: NaiveDate,
    /// Events by page, of those that were not.
    left: BTreeMap<StreamName, u64>,
    /// What an event took that was gathered.
    event_bytes: f64,
}

/// Pages that were kept, by number.
pub(super) struct Kept(Vec<bool>);

impl Kept {
    pub(super) fn holds(&self, page: u32) -> bool {
        self.0.get(page as usize).copied().unwrap_or(false)
    }
}

impl Pages {
    /// Enters what something on a page takes. Gives the page's number.
    pub(super) fn add(&mut self, stream: &StreamName, bytes: usize) -> u32 {
        let number = self
            .by_name
            .get_index_of(stream)
            .unwrap_or_else(|| self.by_name.insert_full(stream.clone(), Page::default()).0)
            as u32;
        self.grow(number, bytes);
        number
    }

    /// Enters what something more on a page takes.
    pub(super) fn grow(&mut self, page: u32, bytes: usize) {
        if let Some((_, page)) = self.by_name.get_index_mut(page as usize) {
            page.bytes += bytes;
            page.events += 1;
            self.bytes += bytes;
            self.events += 1;
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether what stands in a stream is gathered, after all cuts. Streams that are no pages always are.
    pub(super) fn want(&self, stream: &StreamName) -> bool {
        let Some(until) = &self.until else { return true };
        *stream <= until.name || stream.category() != Category::Daybook
    }

    /// Counts an event of a page that is left for another pass.
    pub(super) fn pass_over(&mut self, page: &StreamName) {
        match self.left.get_mut(page) {
            Some(events) => *events += 1,
            None => {
                self.left.insert(page.clone(), 1);
            }
        }
    }

    /// Gives up the later pages, about half of what there is. Says which are kept; nothing where there is no place to cut.
    pub(super) fn cut(&mut self) -> Option<Kept> {
        let until = self.middle()?;
        let Self { by_name, left, bytes, events, .. } = self;
        for (name, page) in by_name.iter_mut().filter(|(name, _)| **name > until.name) {
            let Page { bytes: given_up, events: passed_over } = std::mem::take(page);
            if passed_over > 0 {
                *left.entry(name.clone()).or_default() += passed_over;
                *bytes -= given_up;
                *events -= passed_over;
            }
        }
        let kept = Kept(by_name.keys().map(|name| *name <= until.name).collect());
        self.until = Some(until);
        Some(kept)
    }

    /// The day's page up to which about half of what there is stands; never the last page.
    fn middle(&self) -> Option<Until> {
        let mut pages: Vec<(&StreamName, usize)> =
            self.by_name.iter().map(|(name, page)| (name, page.bytes)).collect();
        pages.retain(|(_, bytes)| *bytes > 0);
        pages.sort_unstable();
        pages.pop();
        let mut sum = 0;
        let mut until = None;
        for (name, bytes) in pages {
            sum += bytes;
            if until.is_some() && sum > self.bytes / 2 {
                break;
            }
            if let Some(day) = name.page_date() {
                until = Some(Until { day, name: name.clone() });
            }
        }
        until
    }

    /// The last day that is gathered, where there was a cut.
    pub(super) fn until(&self) -> Option<NaiveDate> {
        self.until.as_ref().map(|until| until.day)
    }

    /// Where it was cut last, and what all cuts left.
    pub(super) fn rest(&self) -> Option<Cut> {
        let event_bytes = self.bytes as f64 / self.events.max(1) as f64;
        self.until.as_ref().map(|until| Cut { day: until.day, left: self.left.clone(), event_bytes })
    }
}

impl Cut {
    /// The ranges in which what is left up to a day is gathered, each of about so many bytes at the most.
    pub(crate) fn ranges(&self, bytes: usize, until: Option<NaiveDate>) -> Vec<PageRange> {
        let events = (bytes as f64 / self.event_bytes.max(1.0)) as u64;
        let (mut ranges, mut after, mut sum, mut last) = (Vec::new(), self.day, 0, None);
        for (name, count) in &self.left {
            if let Some(end) = last.filter(|_| sum + count > events) {
                ranges.push(PageRange { after: Some(after), until: Some(end) });
                (after, sum, last) = (end, 0, None);
            }
            sum += count;
            last = name.page_date().or(last);
        }
        ranges.push(PageRange { after: Some(after), until });
        ranges
    }
}
