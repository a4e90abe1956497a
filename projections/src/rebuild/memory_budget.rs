//! The memory of a rebuild, and the part of it for histories.
//!
//! It is an estimate on purpose: it counts what grows with the log and reserves a fixed part for everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Default memory of a rebuild in bytes.
pub const DEFAULT_MEMORY_BYTES: usize = 512 * 1024 * 1024;

/// Smallest useful memory in bytes. With less, the log would be read again for every few days.
pub const LEAST_MEMORY_BYTES: usize = 64 * 1024 * 1024;

/// Reserved for what does not grow with the log: events between threads, parts on the way to the database, the process
/// itself, and memory that an allocator does not return at once.
const SET_ASIDE_BYTES: usize = 104 * 1024 * 1024;

/// Bytes per key in the table of all keys.
const KEY_BYTES: usize = 112;

/// The memory of one rebuild.
#[derive(Debug, Clone)]
pub(super) struct MemoryBudget {
    total: usize,
    keys: Arc<AtomicUsize>,
}

impl MemoryBudget {
    pub(super) fn new(total_bytes: usize) -> Self {
        Self { total: total_bytes, keys: Arc::default() }
    }

    /// Reserves memory for a number of keys.
    pub(super) fn hold_keys(&self, keys: usize) {
        self.keys.store(keys * KEY_BYTES, Ordering::Relaxed);
    }

    /// Bytes for histories: at least a quarter of the total.
    pub(super) fn for_histories(&self) -> usize {
        let taken = SET_ASIDE_BYTES + self.keys.load(Ordering::Relaxed);
        self.total.saturating_sub(taken).max(self.total / 4)
    }
}
