//! How long to wait before trying again: doubling from attempt to attempt up to a bound, with jitter.
//!
//! It never sleeps and never counts as a bound on the number of attempts; whoever retries has a deadline of its own.

use std::time::Duration;

/// Wait after the first failure.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// Longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Waits between attempts.
#[derive(Debug)]
pub(crate) struct Backoff {
    wait: Duration,
}

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self { wait: FIRST_WAIT }
    }

    /// The wait before the next attempt: between half of what is due and all of it, so that processes that lost the
    /// same server do not come back in step.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let due = self.wait;
        self.wait = (due * 2).min(LONGEST_WAIT);
        // Without randomness there is no jitter; nothing else depends on it.
        let share = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        due.mul_f64(0.5 + share / 2.0)
    }

    /// Starts over after a success.
    pub(crate) const fn reset(&mut self) {
        self.wait = FIRST_WAIT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_rise_to_their_bound_and_start_over_after_a_success() {
        let mut backoff = Backoff::new();
        assert!(backoff.next_wait() <= FIRST_WAIT);
        for _ in 0..20 {
            backoff.next_wait();
        }
        let long = backoff.next_wait();
        assert!(LONGEST_WAIT / 2 <= long && long <= LONGEST_WAIT, "{long:?}");
        backoff.reset();
        assert!(backoff.next_wait() <= FIRST_WAIT);
    }
}
