//! A histogram of request durations, so that the counts of several processes can be added. It never keeps single durations.

/// Upper bound of the first bucket.
const FIRST_BOUND_MS: f64 = 0.5;

/// Number of buckets in which the bound doubles.
const BUCKETS_PER_DOUBLING: f64 = 4.0;

/// Numbers of requests by duration. Each bound is 1.19 times the one before, from half a millisecond to half a minute. The
/// last bucket has no bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations(Vec<u64>);

impl Durations {
    /// Number of buckets.
    pub const BUCKETS: usize = 64;

    /// The index of the bucket for a duration.
    pub fn bucket(seconds: f64) -> usize {
        let doublings = (seconds * 1000.0 / FIRST_BOUND_MS).log2();
        // Durations up to the first bound, and NaN, belong to the first bucket.
        let bucket = (doublings * BUCKETS_PER_DOUBLING).ceil().max(0.0);
        (bucket as usize).min(Self::BUCKETS - 1)
    }

    /// Creates a histogram from the count of each bucket, fastest first; missing buckets are empty.
    pub fn from_counts(counts: impl IntoIterator<Item = u64>) -> Self {
        let mut counts: Vec<u64> = counts.into_iter().take(Self::BUCKETS).collect();
        let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        counts.truncate(used);
        Self(counts)
    }

    /// The count of each bucket, up to the last one that is not empty.
    pub fn counts(&self) -> &[u64] {
        &self.0
    }

    /// Adds the counts of another histogram.
    pub fn add(&mut self, others: &Self) {
        if self.0.len() < others.0.len() {
            self.0.resize(others.0.len(), 0);
        }
        self.0.iter_mut().zip(&others.0).for_each(|(count, more)| *count += more);
    }

    /// The histogram without this many of the slowest requests.
    pub fn without_slowest(&self, mut number: u64) -> Self {
        let mut counts = self.0.clone();
        for count in counts.iter_mut().rev() {
            let taken = number.min(*count);
            *count -= taken;
            number -= taken;
        }
        Self::from_counts(counts)
    }

    /// The upper bound of a percentile in milliseconds, at most 1.19 times the exact value. `None` without requests.
    pub fn bound_ms(&self, percent: f64) -> Option<f64> {
        let all: u64 = self.0.iter().sum();
        let rank = (all as f64 * percent / 100.0).ceil() as u64;
        let mut below = 0;
        let bucket = self.0.iter().position(|count| {
            below += count;
            below >= rank && *count > 0
        })?;
        Some(FIRST_BOUND_MS * (bucket as f64 / BUCKETS_PER_DOUBLING).exp2())
    }
}
