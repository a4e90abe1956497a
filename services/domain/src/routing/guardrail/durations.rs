//! How long requests took: counted in steps, so that what many processes saw can be added up.

/// Upper edge of the first step, in milliseconds.
const FIRST_MS: f64 = 0.5;

/// Steps to a doubling.
const STEPS_PER_DOUBLING: f64 = 4.0;

/// Requests by how long they took. A step ends at 1.19 times the edge of the one before, from half a millisecond to half a
/// minute; the last takes all that is longer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations(Vec<u64>);

impl Durations {
    /// Number of steps.
    pub const STEPS: usize = 64;

    /// The step into which a time in seconds falls.
    pub fn step_of(seconds: f64) -> usize {
        let doublings = (seconds * 1000.0 / FIRST_MS).log2();
        // What is not above the first edge, or no number, counts as the fastest.
        let step = (doublings * STEPS_PER_DOUBLING).ceil().max(0.0);
        (step as usize).min(Self::STEPS - 1)
    }

    /// Requests of each step, from the fastest; missing steps have none.
    pub fn of_counts(counts: impl IntoIterator<Item = u64>) -> Self {
        let mut counts: Vec<u64> = counts.into_iter().take(Self::STEPS).collect();
        let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        counts.truncate(used);
        Self(counts)
    }

    /// Requests of each step, up to the last that has any.
    pub fn counts(&self) -> &[u64] {
        &self.0
    }

    /// Adds others.
    pub fn add(&mut self, others: &Self) {
        if self.0.len() < others.0.len() {
            self.0.resize(others.0.len(), 0);
        }
        self.0.iter_mut().zip(&others.0).for_each(|(count, more)| *count += more);
    }

    /// The edge, in milliseconds, below which so many of a hundred lie: at most 1.19 times the time itself. None where there
    /// is no request.
    pub fn bound_ms(&self, percent: f64) -> Option<f64> {
        let all: u64 = self.0.iter().sum();
        let rank = (all as f64 * percent / 100.0).ceil() as u64;
        let mut below = 0;
        let step = self.0.iter().position(|count| {
            below += count;
            below >= rank && *count > 0
        })?;
        Some(FIRST_MS * (step as f64 / STEPS_PER_DOUBLING).exp2())
    }
}
