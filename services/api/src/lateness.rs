//! How late a worker is: the time for which it could not do what it was to do, because it or the machine was busy.
//!
//! That is not the time of a view, so guardrails leave it out. A view that waits for a lock or reads too much leaves the worker
//! idle, and counts.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How often a worker wants to look at the clock.
const TICK: Duration = Duration::from_millis(10);

thread_local! {
    static CLOCK: Cell<Option<Ticks>> = const { Cell::new(None) };
}

#[derive(Debug, Clone, Copy)]
struct Ticks {
    last: Instant,
    /// How late all ticks were together.
    late: Duration,
}

impl Ticks {
    /// How late this worker was until now, with the tick that is due.
    fn late_until(self, now: Instant) -> Duration {
        let late = now.saturating_duration_since(self.last).saturating_sub(TICK);
        // Timers are late by a millisecond or two on an idle machine too.
        self.late + if late > TICK { late } else { Duration::ZERO }
    }
}

/// Measures the worker of this thread for as long as it runs.
pub(crate) async fn measure() {
    let mut late = Duration::ZERO;
    loop {
        CLOCK.set(Some(Ticks { last: Instant::now(), late }));
        tokio::time::sleep(TICK).await;
        late = total();
    }
}

/// How late the worker of this thread was in all. The difference of two values belongs to the time between them.
pub(crate) fn total() -> Duration {
    CLOCK.get().map_or(Duration::ZERO, |ticks| ticks.late_until(Instant::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_worker_is_late_and_an_idle_one_is_not() {
        let ticking = tokio::task::LocalSet::new();
        ticking.spawn_local(measure());
        ticking
            .run_until(async {
                tokio::time::sleep(TICK).await;
                let (before, begun) = (total(), Instant::now());
                for _ in 0..4 {
                    std::thread::sleep(Duration::from_millis(100));
                    tokio::time::sleep(TICK).await;
                }
                let late = total() - before;
                assert!(late >= Duration::from_millis(320) && late <= begun.elapsed(), "{late:?}");
            })
            .await;
    }

    #[test]
    fn a_tick_that_is_a_little_late_does_not_count() {
        let ticks = Ticks { last: Instant::now(), late: TICK };
        assert_eq!(ticks.late_until(ticks.last + TICK + TICK), TICK);
        assert_eq!(ticks.late_until(ticks.last + TICK * 4), TICK * 4);
    }
}
