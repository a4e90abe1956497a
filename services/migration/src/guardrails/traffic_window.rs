//! Counts the requests of this process, one window at a time.
//!
//! A request costs a few atomic additions and no lock. It must never hold an id, a name or a text of a client: a subject is one
//! bit of a hash.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::by_source::BySource;
use super::read_stats::Window;
use daybook_domain::ReadModel;
use daybook_domain::routing::{Durations, ModelReadStats};

/// Words of the subject bitmap: 65,536 bits count up to about 200,000 subjects to within 1 %.
const SUBJECT_WORDS: usize = 1024;

/// The counts of the current window.
#[derive(Debug)]
pub struct TrafficWindow {
    legacy: Counts,
    dynamic: Counts,
    /// Requests that took longer than this are slow.
    slow_after: Duration,
}

/// A request that was answered or cancelled.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// A hash of where it came from.
    pub source: u64,
    /// How long the model took.
    pub seconds: f64,
    /// Whether the model failed.
    pub failed: bool,
}

#[derive(Debug)]
struct Counts {
    durations: [AtomicU64; Durations::BUCKETS],
    failed: AtomicU64,
    failed_by_source: BySource,
    slow_by_source: BySource,
    by_share: AtomicU64,
    subjects: [AtomicU64; SUBJECT_WORDS],
    compared: AtomicU64,
    mismatched: AtomicU64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            durations: array::from_fn(|_| AtomicU64::default()),
            failed: AtomicU64::default(),
            failed_by_source: BySource::default(),
            slow_by_source: BySource::default(),
            by_share: AtomicU64::default(),
            subjects: array::from_fn(|_| AtomicU64::default()),
            compared: AtomicU64::default(),
            mismatched: AtomicU64::default(),
        }
    }
}

impl TrafficWindow {
    /// A window that calls requests slow after this time.
    pub fn new(slow_after: Duration) -> Self {
        Self { legacy: Counts::default(), dynamic: Counts::default(), slow_after }
    }

    /// Counts a request. `by_share` is the hash of the subject if the percentage routed the request.
    pub fn answered(&self, model: ReadModel, by_share: Option<u64>, request: Request) {
        let Request { source, seconds, failed } = request;
        let counts = self.counts(model);
        if let Some(count) = counts.durations.get(Durations::bucket(seconds)) {
            add(count);
        }
        if failed {
            add(&counts.failed);
            counts.failed_by_source.add(source);
        }
        if seconds > self.slow_after.as_secs_f64() {
            counts.slow_by_source.add(source);
        }
        if let Some(subject) = by_share {
            add(&counts.by_share);
            counts.mark(subject);
        }
    }

    /// Counts a shadow read of a request that this model answered.
    pub fn compared(&self, model: ReadModel, differs: bool) {
        let counts = self.counts(model);
        add(&counts.compared);
        if differs {
            add(&counts.mismatched);
        }
    }

    /// Ends the window and begins the next one. A request that is counted meanwhile belongs to one of the two.
    pub fn take(&self) -> [Window; 2] {
        ReadModel::ALL.map(|model| self.counts(model).take(model))
    }

    const fn counts(&self, model: ReadModel) -> &Counts {
        match model {
            ReadModel::Legacy => &self.legacy,
            ReadModel::Dynamic => &self.dynamic,
        }
    }
}

impl Counts {
    fn mark(&self, subject: u64) {
        let (word, bit) = ((subject >> 6) as usize % SUBJECT_WORDS, 1 << (subject % 64));
        let Some(word) = self.subjects.get(word) else { return };
        // Most subjects send several requests, and reading a bit is cheaper than setting it.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    fn take(&self, model: ReadModel) -> Window {
        let durations = Durations::from_counts(self.durations.iter().map(take));
        let set_bits: u32 = self.subjects.iter().map(|word| take(word).count_ones()).sum();
        let sum = ModelReadStats {
            requests: durations.counts().iter().sum(),
            failed: take(&self.failed),
            failed_most: self.failed_by_source.take_most(),
            slow_most: self.slow_by_source.take_most(),
            durations,
            subjects: subjects(set_bits),
            compared: take(&self.compared),
            mismatched: take(&self.mismatched),
        };
        Window { model, sum, by_share: take(&self.by_share) }
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn take(count: &AtomicU64) -> u64 {
    count.swap(0, Ordering::Relaxed)
}

/// Estimates the number of subjects from the number of set bits: some subjects share a bit.
fn subjects(set_bits: u32) -> u64 {
    let bits = (SUBJECT_WORDS * 64) as f64;
    let unset = (bits - f64::from(set_bits)).max(1.0);
    (bits * (bits / unset).ln()).round() as u64
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    fn hash(subject: u64) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        Some(hasher.finish())
    }

    fn windows() -> TrafficWindow {
        TrafficWindow::new(Duration::from_millis(500))
    }

    fn request(source: u64, seconds: f64, failed: bool) -> Request {
        Request { source, seconds, failed }
    }

    #[test]
    fn a_window_counts_what_came_since_the_previous_one() {
        let windows = windows();
        windows.answered(ReadModel::Dynamic, hash(1), request(1, 0.003, false));
        windows.answered(ReadModel::Dynamic, hash(1), request(1, 0.004, true));
        windows.answered(ReadModel::Legacy, None, request(1, 0.1, false));
        windows.compared(ReadModel::Legacy, true);
        let [legacy, dynamic] = windows.take();
        let sum = &dynamic.sum;
        assert_eq!((sum.requests, sum.failed, dynamic.by_share, sum.subjects), (2, 1, 2, 1));
        let sum = &legacy.sum;
        assert_eq!((sum.requests, sum.compared, sum.mismatched, legacy.by_share), (1, 1, 1, 0));
        assert!((100.0..120.0).contains(&sum.p99_ms().unwrap_or_default()));
        assert_eq!(
            windows.take().map(|window| window.sum),
            [ModelReadStats::default(), ModelReadStats::default()]
        );
    }

    #[test]
    fn a_window_counts_the_requests_of_the_source_that_failed_most_and_of_the_one_that_was_slowest() {
        let windows = windows();
        for (source, seconds, failed) in [(1, 0.6, true), (1, 0.6, true), (2, 0.6, false), (2, 0.4, true)] {
            windows.answered(ReadModel::Dynamic, None, request(source, seconds, failed));
        }
        windows.answered(ReadModel::Dynamic, None, request(3, 0.7, false));
        windows.answered(ReadModel::Dynamic, None, request(2, 0.8, false));
        windows.answered(ReadModel::Dynamic, None, request(2, 0.8, false));
        let [legacy, dynamic] = windows.take().map(|window| window.sum);
        assert_eq!((dynamic.failed, dynamic.failed_most, dynamic.slow_most), (3, 2, 3));
        assert_eq!((legacy.failed_most, legacy.slow_most), (0, 0));
        let [_, empty] = windows.take().map(|window| window.sum);
        assert_eq!((empty.failed_most, empty.slow_most), (0, 0));
    }

    #[test]
    fn subjects_are_counted_to_within_one_percent_however_many_requests_they_send() {
        let windows = windows();
        for number in [100_u64, 5_000, 100_000] {
            for subject in (0..number).chain(0..number) {
                windows.answered(ReadModel::Dynamic, hash(subject), request(subject, 0.001, false));
            }
            let [_, dynamic] = windows.take();
            let off = dynamic.sum.subjects.abs_diff(number);
            assert!(off <= 2 + number / 100, "{number}: {}", dynamic.sum.subjects);
        }
    }
}
