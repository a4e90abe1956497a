//! Shrinks a failing case to a small case that still fails. The search first removes operations, many at a time,
//! because an attempt takes as long as its operations do. Then it simplifies the remaining operations.
//!
//! The search must never return a case that it has not seen fail.

use std::ops::Range;
use std::time::{Duration, Instant};

use proptest::strategy::ValueTree;

/// Maximum duration of the search.
const PATIENCE: Duration = Duration::from_secs(60);

struct Search<T: ValueTree, F> {
    case: Vec<T>,
    fault: F,
    ends: Instant,
    /// The last case that failed, and its failure.
    found: (Vec<T::Value>, String),
}

/// Searches for the smallest failing case and returns it with its failure. `found` is the failure of the whole case.
pub(super) fn search<T: ValueTree>(
    case: Vec<T>,
    found: String,
    fault: impl Fn(Vec<T::Value>) -> Option<String>,
) -> (Vec<T::Value>, String) {
    let found = (values(&case), found);
    let mut search = Search { case, fault, ends: Instant::now() + PATIENCE, found };
    search.leave_out();
    search.simplify();
    // A simplified operation may depend on fewer earlier operations.
    search.leave_out();
    search.found
}

impl<T: ValueTree, F: Fn(Vec<T::Value>) -> Option<String>> Search<T, F> {
    /// Removes unneeded parts. Starts at the end, because a failure does not depend on later operations.
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

    /// Simplifies the operations one by one for as long as the case fails.
    fn simplify(&mut self) {
        for index in 0..self.case.len() {
            let mut differs = self.case[index].simplify();
            // This loop ends because a value can be simplified and complicated only a limited number of times.
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
