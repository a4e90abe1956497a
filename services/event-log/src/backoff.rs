//! How long to wait before a retry: the wait doubles with each attempt up to a limit, with jitter.
//!
//! It never sleeps and does not limit the number of attempts: the caller has its own deadline.

use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Waits between attempts.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    wait: Duration,
}

impl Backoff {
    /// From 20 ms up to 1 s.
    pub const fn new() -> Self {
        Self::between(FIRST_WAIT, LONGEST_WAIT)
    }

    /// From `first` up to `longest`.
    pub const fn between(first: Duration, longest: Duration) -> Self {
        Self { first, longest, wait: first }
    }

    /// The wait before the next attempt: between half of the current wait and all of it, so that processes that lost
    /// the same server do not all come back at once.
    pub fn next_wait(&mut self) -> Duration {
        let due = self.wait;
        self.wait = (due * 2).min(self.longest);
        // Without randomness there is no jitter, which is harmless.
        let share = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        due.mul_f64(0.5 + share / 2.0)
    }

    /// Starts over after a success.
    pub const fn reset(&mut self) {
        self.wait = self.first;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_over_after_a_reset() {
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
