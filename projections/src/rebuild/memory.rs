//! How much memory a rebuild may take, and what of it is left for histories.
//!
//! It must never be exact: it counts what grows with the log, and sets aside a fixed part for what does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory that a rebuild may take unless told otherwise, in bytes.
pub const DEFAULT_MEMORY_BYTES: usize = 512 * 1024 * 1024;

/// The least that it can work with, in bytes: below that it would read the log again and again for a few days each.
pub const LEAST_MEMORY_BYTES: usize = 64 * 1024 * 1024;

/// What does not grow with the log: events on their way between threads, parts on their way to the database, the process
/// itself, and what an allocator does not give back at once.
const SET_ASIDE_BYTES: usize = 104 * 1024 * 1024;

/// What a key takes in a table of all keys, in bytes.
const KEY_BYTES: usize = 112;

/// The memory of one rebuild.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    total: usize,
    keys: Arc<AtomicUsize>,
}

impl Memory {
    pub(super) fn new(total_bytes: usize) -> Self {
        Self { total: total_bytes, keys: Arc::default() }
    }

    /// Takes account of so many keys.
    pub(super) fn hold_keys(&self, keys: usize) {
        self.keys.store(keys * KEY_BYTES, Ordering::Relaxed);
    }

    /// What histories may take, in bytes. A quarter is theirs however little there is.
    pub(super) fn for_histories(&self) -> usize {
        let taken = SET_ASIDE_BYTES + self.keys.load(Ordering::Relaxed);
        self.total.saturating_sub(taken).max(self.total / 4)
    }
}
