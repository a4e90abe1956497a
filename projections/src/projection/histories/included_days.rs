//! The days that a pass includes: the size of each, where to cut when they are too large, and what is left for the next
//! passes.
//!
//! It must never divide a day: a reservation's row needs all its events since it came to its day, and these are in one
//! stream.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_event_log::{Category, PageRange, StreamName};
use indexmap::IndexMap;

/// The days of a pass.
#[derive(Debug, Default)]
pub(super) struct IncludedDays {
    by_name: IndexMap<StreamName, DaySize, foldhash::fast::RandomState>,
    bytes: usize,
    events: u64,
    until: Option<LastDay>,
    left: BTreeMap<StreamName, u64>,
}

#[derive(Debug, Default)]
struct DaySize {
    bytes: usize,
    events: u64,
}

/// The last included day.
#[derive(Debug, Clone)]
struct LastDay {
    day: NaiveDate,
    name: StreamName,
}

/// What a pass left for others.
#[derive(Debug)]
pub(crate) struct Remainder {
    /// The last included day.
    day: NaiveDate,
    /// Events by stream of the days that were left.
    left: BTreeMap<StreamName, u64>,
    /// Average bytes per included event.
    event_bytes: f64,
}

/// Which days remain, by number.
pub(super) struct RemainingDays(Vec<bool>);

impl RemainingDays {
    pub(super) fn contains(&self, day: u32) -> bool {
        self.0.get(day as usize).copied().unwrap_or(false)
    }
}

impl IncludedDays {
    /// Adds the size of something new on a day. Returns the day's number.
    pub(super) fn add(&mut self, stream: &StreamName, bytes: usize) -> u32 {
        let number = self
            .by_name
            .get_index_of(stream)
            .unwrap_or_else(|| self.by_name.insert_full(stream.clone(), DaySize::default()).0)
            as u32;
        self.grow(number, bytes);
        number
    }

    /// Adds the size of something more on a day.
    pub(super) fn grow(&mut self, day: u32, bytes: usize) {
        if let Some((_, day)) = self.by_name.get_index_mut(day as usize) {
            day.bytes += bytes;
            day.events += 1;
            self.bytes += bytes;
            self.events += 1;
        }
    }

    /// The stream of a day.
    pub(super) fn stream(&self, day: u32) -> Option<&StreamName> {
        self.by_name.get_index(day as usize).map(|(name, _)| name)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a stream is included after all cuts. Streams that are no day schedules always are.
    pub(super) fn includes(&self, stream: &StreamName) -> bool {
        let Some(until) = &self.until else { return true };
        *stream <= until.name || stream.category() != Category::Daybook
    }

    /// Counts an event of a day that is left for another pass.
    pub(super) fn skip(&mut self, stream: &StreamName) {
        match self.left.get_mut(stream) {
            Some(events) => *events += 1,
            None => {
                self.left.insert(stream.clone(), 1);
            }
        }
    }

    /// Drops the later half of the days. Returns which remain; nothing if there is no place to cut.
    pub(super) fn drop_later_half(&mut self) -> Option<RemainingDays> {
        let until = self.middle()?;
        let Self { by_name, left, bytes, events, .. } = self;
        for (name, day) in by_name.iter_mut().filter(|(name, _)| **name > until.name) {
            let DaySize { bytes: given_up, events: skipped } = std::mem::take(day);
            if skipped > 0 {
                *left.entry(name.clone()).or_default() += skipped;
                *bytes -= given_up;
                *events -= skipped;
            }
        }
        let remaining = RemainingDays(by_name.keys().map(|name| *name <= until.name).collect());
        self.until = Some(until);
        Some(remaining)
    }

    /// The day up to which about half of the bytes are; never the last day.
    fn middle(&self) -> Option<LastDay> {
        let mut days: Vec<(&StreamName, usize)> =
            self.by_name.iter().map(|(name, day)| (name, day.bytes)).collect();
        days.retain(|(_, bytes)| *bytes > 0);
        days.sort_unstable();
        days.pop();
        let mut sum = 0;
        let mut until = None;
        for (name, bytes) in days {
            sum += bytes;
            if until.is_some() && sum > self.bytes / 2 {
                break;
            }
            if let Some(day) = name.page_date() {
                until = Some(LastDay { day, name: name.clone() });
            }
        }
        until
    }

    /// The last included day, if there was a cut.
    pub(super) fn until(&self) -> Option<NaiveDate> {
        self.until.as_ref().map(|until| until.day)
    }

    /// What all cuts left.
    pub(super) fn remainder(&self) -> Option<Remainder> {
        let event_bytes = self.bytes as f64 / self.events.max(1) as f64;
        self.until.as_ref().map(|until| Remainder { day: until.day, left: self.left.clone(), event_bytes })
    }
}

impl Remainder {
    /// Ranges for the remaining days up to a day, each of about this many bytes.
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
