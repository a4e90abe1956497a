//! Counts requests by where they came from, so that one client alone cannot trip a guardrail. It must never hold a network or
//! an id, only a few bits of a hash.

use std::array;
use std::sync::atomic::{AtomicU32, Ordering};

/// Number of counters. Sources that share one count as one source, which makes a trip less likely, never more.
const COUNTERS: usize = 1024;

/// The requests of each source.
#[derive(Debug)]
pub(super) struct BySource([AtomicU32; COUNTERS]);

impl Default for BySource {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU32::default()))
    }
}

impl BySource {
    /// Counts a request from the source with this hash.
    pub(super) fn add(&self, source: u64) {
        if let Some(counter) = self.0.get(source as usize % COUNTERS) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes the number of requests from the source with the most.
    pub(super) fn take_most(&self) -> u64 {
        let taken = self.0.iter().map(|counter| counter.swap(0, Ordering::Relaxed));
        taken.max().unwrap_or_default().into()
    }
}
