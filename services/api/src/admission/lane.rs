//! One lane: a number of places, and a queue whose wait is bounded.
//!
//! The bound shrinks while the queue does not empty: a short burst may wait the whole bound, but under a lasting overload
//! requests would all wait that long and then be refused anyway.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The part of the longest wait that is left under a lasting overload.
const LASTING_OVERLOAD_DIVISOR: u32 = 10;

/// Which requests share a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneKind {
    PublicReads,
    PublicWrites,
    StaffReads,
    StaffWrites,
}

impl LaneKind {
    /// The lane as a metric label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::PublicReads => "public_reads",
            Self::PublicWrites => "public_writes",
            Self::StaffReads => "staff_reads",
            Self::StaffWrites => "staff_writes",
        }
    }
}

/// Holds a place until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) struct Lane {
    places: Arc<Semaphore>,
    max_wait: Duration,
    created: Instant,
    /// When a place was last free without a wait, in milliseconds since `created`.
    free_at_ms: AtomicU64,
}

impl Lane {
    pub(super) fn new(places: NonZeroUsize, max_wait: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places.get())),
            max_wait,
            created: Instant::now(),
            free_at_ms: AtomicU64::new(0),
        }
    }

    /// Waits a bounded time for a place. The queue is served in order.
    pub(super) async fn enter(&self) -> Option<Ticket> {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => {
                self.free_at_ms.store(self.now_ms(), Ordering::Relaxed);
                Some(permit)
            }
            Err(_) => {
                let wait = tokio::time::timeout(self.wait(), Arc::clone(&self.places).acquire_owned());
                wait.await.ok().and_then(Result::ok)
            }
        };
        permit.map(|permit| Ticket { _permit: permit })
    }

    /// How long a request may wait now.
    fn wait(&self) -> Duration {
        let free_at = Duration::from_millis(self.free_at_ms.load(Ordering::Relaxed));
        let is_lasting = self.created.elapsed().saturating_sub(free_at) > self.max_wait;
        if is_lasting { self.max_wait / LASTING_OVERLOAD_DIVISOR } else { self.max_wait }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.created.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const MAX_WAIT: Duration = Duration::from_millis(200);

    fn lane() -> Lane {
        Lane::new(NonZeroUsize::MIN, MAX_WAIT)
    }

    #[tokio::test]
    async fn a_request_waits_for_a_place_and_gets_it() {
        let lane = Lane::new(NonZeroUsize::MIN, Duration::from_secs(60));
        let first = lane.enter().await.unwrap();
        let (second, ()) = tokio::join!(lane.enter(), async { drop(first) });
        assert!(second.is_some());
    }

    #[tokio::test]
    async fn a_full_lane_refuses_after_its_wait_and_sooner_while_the_overload_lasts() {
        let lane = lane();
        let first = lane.enter().await.unwrap();
        let begun = Instant::now();
        assert!(lane.enter().await.is_none());
        assert!(begun.elapsed() >= MAX_WAIT);
        assert_eq!(lane.wait(), MAX_WAIT / LASTING_OVERLOAD_DIVISOR);
        drop(first);
        assert!(lane.enter().await.is_some());
        assert_eq!(lane.wait(), MAX_WAIT);
    }
}
