//! One lane: a number of places, and a queue whose wait is bounded.
//!
//! The bound shrinks while the lane stays full, except for those whose turn is next: a short burst may wait the whole bound,
//! but under a lasting overload requests would all wait that long and then be refused anyway.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::queue::{Client, Queue, QueueKey};

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
    lane: Arc<Lane>,
    client: Client,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.lane.queue().release(self.client);
        Lane::serve_next(&self.lane);
    }
}

#[derive(Debug)]
pub(super) struct Lane {
    queue: Mutex<Queue<oneshot::Sender<Ticket>>>,
    max_wait: Duration,
}

/// A request in the queue, which it leaves when this is dropped.
struct Waiting<'a> {
    lane: &'a Lane,
    turn: QueueKey,
    ticket: oneshot::Receiver<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.lane.queue().leave(self.turn);
    }
}

impl Lane {
    pub(super) fn new(places: NonZeroUsize, max_wait: Duration) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::new(Queue::new(places, Instant::now())), max_wait })
    }

    /// Counts a new request of this client, and waits a bounded time for a place.
    pub(super) async fn enter(self: &Arc<Self>, client: Client) -> Option<Ticket> {
        self.queue().count(client, Instant::now());
        self.enter_again(client).await
    }

    /// Waits a bounded time for a place for a request that had one before.
    pub(super) async fn enter_again(self: &Arc<Self>, client: Client) -> Option<Ticket> {
        let (mut waiting, wait) = {
            let (mut queue, now) = (self.queue(), Instant::now());
            if queue.take(client, now) {
                return Some(Ticket { lane: Arc::clone(self), client });
            }
            let (sender, ticket) = oneshot::channel();
            let turn = queue.wait(client, sender, now);
            (Waiting { lane: self, turn, ticket }, self.wait(queue.full_for(now)))
        };
        match timeout(wait, &mut waiting.ticket).await {
            Ok(ticket) => ticket.ok(),
            Err(_) if self.queue().is_near(waiting.turn) => {
                let ticket = timeout(self.max_wait.saturating_sub(wait), &mut waiting.ticket).await;
                ticket.ok()?.ok()
            }
            // It may have been served at this moment.
            Err(_) => waiting.ticket.try_recv().ok(),
        }
    }

    /// How long a request may wait if the lane has been full for this long.
    fn wait(&self, full_for: Duration) -> Duration {
        if full_for > self.max_wait { self.max_wait / LASTING_OVERLOAD_DIVISOR } else { self.max_wait }
    }

    fn serve_next(lane: &Arc<Self>) {
        let next = lane.queue().next();
        if let Some((client, sender)) = next {
            // If the request is gone, dropping its ticket serves the one after it.
            drop(sender.send(Ticket { lane: Arc::clone(lane), client }));
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<oneshot::Sender<Ticket>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::net::IpAddr;

    use super::*;

    const MAX_WAIT: Duration = Duration::from_millis(200);

    fn lane(max_wait: Duration) -> Arc<Lane> {
        Lane::new(NonZeroUsize::MIN, max_wait)
    }

    fn client(address: &str) -> Client {
        Client::Network(Some(address.parse::<IpAddr>().unwrap().into()))
    }

    #[tokio::test]
    async fn a_request_waits_for_a_place_and_gets_it() {
        let (lane, client) = (lane(Duration::from_secs(60)), client("203.0.113.1"));
        let first = lane.enter(client).await.unwrap();
        let (second, ()) = tokio::join!(lane.enter(client), async { drop(first) });
        assert!(second.is_some());
    }

    #[tokio::test]
    async fn a_full_lane_refuses_after_its_wait_and_while_the_overload_lasts_sooner_whose_turn_is_far() {
        let (lane, client) = (lane(MAX_WAIT), client("203.0.113.1"));
        let first = lane.enter(client).await.unwrap();
        let waited = async || {
            let begun = Instant::now();
            assert!(lane.enter(client).await.is_none());
            begun.elapsed()
        };
        assert!(waited().await >= MAX_WAIT);
        let (next, far) = tokio::join!(waited(), waited());
        assert!(next >= MAX_WAIT && far < next, "{next:?} {far:?}");
        drop(first);
        let first = lane.enter(client).await.unwrap();
        let (next, far) = tokio::join!(waited(), waited());
        assert!(next >= MAX_WAIT && far >= MAX_WAIT, "{next:?} {far:?}");
        drop(first);
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_while_it_waits_keeps_no_place() {
        let (lane, client) = (lane(Duration::from_secs(60)), client("203.0.113.1"));
        let first = lane.enter(client).await.unwrap();
        assert!(timeout(Duration::from_millis(10), lane.enter(client)).await.is_err());
        {
            // Its ticket is on the way when it goes.
            let mut waiting = std::pin::pin!(lane.enter(client));
            assert!(futures_util::poll!(&mut waiting).is_pending());
            drop(first);
        }
        assert!(lane.enter(client).await.is_some());
    }
}
