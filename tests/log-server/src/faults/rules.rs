//! The active faults and their durations.
//!
//! A fault for a number of requests must never affect more requests than that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Fault, Operation};

/// How long a fault stays active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    Requests(u32),
    /// For this time, starting now.
    For(Duration),
    /// Until the faults are cleared.
    UntilCleared,
}

#[derive(Debug, Clone, Copy)]
enum Left {
    Requests(u32),
    Until(Instant),
    Always,
}

impl Left {
    fn is_over(self) -> bool {
        match self {
            Self::Requests(count) => count == 0,
            Self::Until(end) => Instant::now() >= end,
            Self::Always => false,
        }
    }
}

#[derive(Debug)]
struct Rule {
    on: Operation,
    fault: Fault,
    left: Left,
}

#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Mutex<Vec<Rule>>,
    befallen: AtomicU64,
}

impl Rules {
    pub(super) fn add(&self, on: Operation, fault: Fault, lasting: Lasting) {
        let left = match lasting {
            Lasting::Requests(count) => Left::Requests(count),
            Lasting::For(time) => Left::Until(Instant::now() + time),
            Lasting::UntilCleared => Left::Always,
        };
        self.lock().push(Rule { on, fault, left });
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn befallen(&self) -> u64 {
        self.befallen.load(Ordering::SeqCst)
    }

    /// Returns the fault for this request and counts it.
    pub(super) fn take(&self, on: Operation) -> Option<Fault> {
        let mut rules = self.lock();
        rules.retain(|rule| !rule.left.is_over());
        let rule = rules.iter_mut().find(|rule| rule.on == on)?;
        if let Left::Requests(count) = &mut rule.left {
            *count -= 1;
        }
        self.befallen.fetch_add(1, Ordering::SeqCst);
        Some(rule.fault)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    //! Tests the duration of faults.

    use super::*;

    #[test]
    fn a_fault_befalls_as_many_requests_as_said_and_no_other_operation() {
        let rules = Rules::default();
        rules.add(Operation::Write, Fault::NotReady, Lasting::Requests(2));
        assert_eq!(rules.take(Operation::Read), None);
        assert_eq!(rules.take(Operation::Write), Some(Fault::NotReady));
        assert_eq!(rules.take(Operation::Write), Some(Fault::NotReady));
        assert_eq!(rules.take(Operation::Write), None);
        assert_eq!(rules.befallen(), 2);
    }

    #[test]
    fn the_oldest_fault_comes_first_and_one_whose_time_is_over_is_gone() {
        let rules = Rules::default();
        rules.add(Operation::Read, Fault::TimedOut, Lasting::For(Duration::ZERO));
        rules.add(Operation::Read, Fault::NotReady, Lasting::Requests(1));
        rules.add(Operation::Read, Fault::Unanswered, Lasting::UntilCleared);
        assert_eq!(rules.take(Operation::Read), Some(Fault::NotReady));
        assert_eq!(rules.take(Operation::Read), Some(Fault::Unanswered));
        rules.clear();
        assert_eq!(rules.take(Operation::Read), None);
    }
}
