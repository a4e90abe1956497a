//! From a case that fails to a small one that fails too. Operations are left out, many at a time first, since each attempt
//! takes as long as its operations do; then those that remain are made simpler.
//!
//! It must never end with a case that was not seen to fail.

use std::ops::Range;
use std::time::{Duration, Instant};

use proptest::strategy::ValueTree;

/// Longest time in which a smaller case is looked for.
const PATIENCE: Duration = Duration::from_secs(60);

struct Search<T: ValueTree, F> {
    case: Vec<T>,
    fault: F,
    ends: Instant,
    /// The last case that failed, and how.
    found: (Vec<T::Value>, String),
}

/// The smallest case found, and how it fails. `found` is how the whole case does.
pub(super) fn search<T: ValueTree>(
    case: Vec<T>,
    found: String,
    fault: impl Fn(Vec<T::Value>) -> Option<String>,
) -> (Vec<T::Value>, String) {
    let found = (values(&case), found);
    let mut search = Search { case, fault, ends: Instant::now() + PATIENCE, found };
    search.leave_out();
    search.simplify();
    // What is simpler may need less of what comes before it.
    search.leave_out();
    search.found
}

impl<T: ValueTree, F: Fn(Vec<T::Value>) -> Option<String>> Search<T, F> {
    /// Leaves out parts that are not needed, from the end, where a failure needs nothing of what follows it.
    fn leave_out(&mut self) {
        let mut size = self.case.len().div_ceil(2);
        loop {
            let mut end = self.case.len();
            while end > 0 {
                let begin = end.saturating_sub(size);
                self.try_without(begin..end);
                end = begin;
            }
            if size <= 1 {
                return;
            }
            size = size.div_ceil(2);
        }
    }

    fn try_without(&mut self, part: Range<usize>) {
        let begin = part.start;
        let left_out: Vec<T> = self.case.drain(part).collect();
        if !self.fails() {
            self.case.splice(begin..begin, left_out);
        }
    }

    /// Makes one operation after the other simpler, as long as the case fails.
    fn simplify(&mut self) {
        for index in 0..self.case.len() {
            let mut differs = self.case[index].simplify();
            // It ends, since a value can only be simplified and complicated again so many times.
            while differs {
                differs =
                    if self.fails() { self.case[index].simplify() } else { self.case[index].complicate() };
            }
        }
    }

    fn fails(&mut self) -> bool {
        if Instant::now() > self.ends {
            return false;
        }
        let Some(fault) = (self.fault)(values(&self.case)) else { return false };
        self.found = (values(&self.case), fault);
        true
    }
}

fn values<T: ValueTree>(case: &[T]) -> Vec<T::Value> {
    case.iter().map(ValueTree::current).collect()
}
