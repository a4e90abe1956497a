//! The queue of one lane: who has a place, who waits, and whose turn is next.
//!
//! A client that has asked for much lately waits behind those who have asked for little, so a flood delays itself. Nothing here
//! waits.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use daybook_commands::budget::{Budgets, Rate};

use crate::request::client_network::ClientNetwork;

/// How long one request is held against a client, and at most how many at a time: no client's requests count for more than five
/// minutes.
const PACE: Rate = Rate { tokens: 60, refill: Duration::from_secs(5) };

/// Most clients whose requests are remembered.
const MAX_CLIENTS: usize = 10_000;

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// Strangers from a network, or from somewhere that the server does not know.
    Network(Option<ClientNetwork>),
    /// All networks of one site, which can have thousands of them.
    Site(ClientNetwork),
    /// A hash of the subject of a token.
    Staff(u64),
}

impl Client {
    /// The site of the client; none if its network is all that it has.
    fn site(self) -> Option<Self> {
        match self {
            Self::Network(network) => network?.site().map(Self::Site),
            Self::Site(_) | Self::Staff(_) => None,
        }
    }
}

/// The place of a waiting request in the order: what its client has had and asked for, and when the request came.
pub(super) type QueueKey = (Duration, u64);

/// Places and waiting requests. Each waiting request has a `T`.
#[derive(Debug)]
pub(super) struct Queue<T> {
    free: usize,
    places: usize,
    in_lane: HashMap<Client, InLane>,
    waiting: BTreeMap<QueueKey, (Client, T)>,
    arrivals: u64,
    asked: Budgets<Client>,
    /// When a place was last taken without a wait.
    free_at: Instant,
}

/// The requests of one client.
#[derive(Debug, Clone, Copy, Default)]
struct InLane {
    working: usize,
    waiting: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(places: NonZeroUsize, now: Instant) -> Self {
        Self {
            free: places.get(),
            places: places.get(),
            in_lane: HashMap::new(),
            waiting: BTreeMap::new(),
            arrivals: 0,
            asked: Budgets::new(PACE, MAX_CLIENTS),
            free_at: now,
        }
    }

    /// Counts a new request.
    pub(super) fn count(&mut self, client: Client, now: Instant) {
        for key in [Some(client), client.site()].into_iter().flatten() {
            self.asked.spend(key, now);
        }
    }

    /// Takes a place if there is one for this client.
    pub(super) fn take(&mut self, client: Client, now: Instant) -> bool {
        let is_free = self.free > 0 && self.may_work(client);
        if is_free {
            self.free_at = now;
            self.begin_work(client);
        }
        is_free
    }

    /// Waits for a place.
    pub(super) fn wait(&mut self, client: Client, waiter: T, now: Instant) -> QueueKey {
        let InLane { working, waiting } = self.in_lane.get(&client).copied().unwrap_or_default();
        let here = u32::try_from(working + waiting).unwrap_or(u32::MAX);
        let asked =
            self.excess(client, now) + client.site().map_or(Duration::ZERO, |site| self.excess(site, now));
        let turn = (asked.saturating_add(PACE.refill.saturating_mul(here)), self.arrivals);
        self.arrivals += 1;
        self.in_lane.entry(client).or_default().waiting += 1;
        self.waiting.insert(turn, (client, waiter));
        turn
    }

    /// Ends a wait.
    pub(super) fn leave(&mut self, turn: QueueKey) {
        if let Some((client, _)) = self.waiting.remove(&turn) {
            self.change(client, |here| here.waiting -= 1);
        }
    }

    /// Gives a place back.
    pub(super) fn release(&mut self, client: Client) {
        self.free += 1;
        self.change(client, |here| here.working -= 1);
    }

    /// Gives a free place to the waiting request whose turn it is.
    pub(super) fn next(&mut self) -> Option<(Client, T)> {
        if self.free == 0 {
            return None;
        }
        // Only one client at a time can have as many places as it may, so this passes over few.
        let turn = *self.waiting.iter().find(|(_, (client, _))| self.may_work(*client))?.0;
        let (client, waiter) = self.waiting.remove(&turn)?;
        self.change(client, |here| here.waiting -= 1);
        self.begin_work(client);
        Some((client, waiter))
    }

    /// Whether a waiting request is among the next quarter of the places.
    pub(super) fn is_near(&self, turn: QueueKey) -> bool {
        self.waiting.keys().take((self.places / 4).max(1)).any(|near| *near == turn)
    }

    /// How long no place has been free without a wait.
    pub(super) fn full_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.free_at)
    }

    /// One client leaves a quarter of the places to others, who may come while its requests hang.
    fn may_work(&self, client: Client) -> bool {
        self.in_lane.get(&client).is_none_or(|here| here.working < self.places - self.places / 4)
    }

    fn begin_work(&mut self, client: Client) {
        self.free -= 1;
        self.in_lane.entry(client).or_default().working += 1;
    }

    /// What is held against a client, as the time after which nothing is if it asks for nothing.
    fn excess(&self, client: Client, now: Instant) -> Duration {
        self.asked.until_full(&client, now)
    }

    fn change(&mut self, client: Client, change: impl FnOnce(&mut InLane)) {
        if let Some(here) = self.in_lane.get_mut(&client) {
            change(here);
            if (here.working, here.waiting) == (0, 0) {
                self.in_lane.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::net::IpAddr;

    use super::*;

    fn queue(places: usize) -> Queue<&'static str> {
        Queue::new(NonZeroUsize::new(places).unwrap(), Instant::now())
    }

    fn client(address: &str) -> Client {
        Client::Network(Some(address.parse::<IpAddr>().unwrap().into()))
    }

    fn order(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| {
            let (client, name) = queue.next()?;
            queue.release(client);
            Some(name)
        })
        .collect()
    }

    #[test]
    fn a_newcomer_goes_before_one_network_and_before_two_hundred_that_flood() {
        for networks in [1, 200] {
            let (mut queue, now) = (queue(4), Instant::now());
            let flooder = |n: usize| client(&format!("203.0.113.{}", n % networks));
            let working: Vec<_> = (0..).map(flooder).take(4).filter(|one| queue.take(*one, now)).collect();
            for n in 0..5_000 {
                queue.count(flooder(n), now);
            }
            for n in 0..200 {
                queue.wait(flooder(n), "flood", now);
            }
            // The newcomer has asked for something before.
            let newcomer = client("198.51.100.1");
            for _ in 0..20 {
                queue.count(newcomer, now);
            }
            let turn = queue.wait(newcomer, "newcomer", now);
            assert!(queue.is_near(turn), "{networks}");
            queue.release(working[0]);
            assert_eq!(queue.next().map(|(_, name)| name), Some("newcomer"), "{networks}");
        }
    }

    #[test]
    fn clients_that_asked_for_as_much_take_turns_and_requests_of_one_are_served_in_order() {
        let (mut queue, now) = (queue(1), Instant::now());
        let (one, other) = (client("203.0.113.1"), client("203.0.113.2"));
        let third = client("203.0.113.3");
        assert!(queue.take(third, now));
        for (client, name) in [(one, "1a"), (one, "1b"), (one, "1c"), (other, "2a"), (other, "2b")] {
            queue.wait(client, name, now);
        }
        let left = queue.wait(other, "left", now);
        queue.leave(left);
        queue.release(third);
        assert_eq!(order(&mut queue), ["1a", "2a", "1b", "2b", "1c"]);
        assert!(queue.in_lane.is_empty() && queue.free == 1);
    }

    #[test]
    fn one_client_leaves_a_quarter_of_the_places_to_others() {
        for (places, most) in [(1, 1), (2, 2), (4, 3), (32, 24)] {
            let (mut queue, now) = (queue(places), Instant::now());
            let (one, other) = (client("203.0.113.1"), client("203.0.113.2"));
            assert_eq!((0..places).filter(|_| queue.take(one, now)).count(), most);
            queue.wait(one, "more", now);
            assert!(queue.next().is_none());
            assert_eq!((0..places).filter(|_| queue.take(other, now)).count(), places - most);
            queue.release(one);
            assert_eq!(queue.next().map(|(_, name)| name), Some("more"));
        }
    }

    #[test]
    fn what_a_client_has_asked_for_is_forgotten_in_five_minutes() {
        let (mut queue, now) = (queue(1), Instant::now());
        let flooder = client("203.0.113.1");
        for _ in 0..100_000 {
            queue.count(flooder, now);
        }
        let five_minutes = Duration::from_secs(5 * 60);
        assert_eq!(queue.excess(flooder, now), five_minutes);
        assert_eq!(queue.excess(flooder, now + five_minutes), Duration::ZERO);
    }

    #[test]
    fn a_site_that_changes_its_ipv6_network_with_every_request_is_no_newcomer() {
        let (mut queue, now) = (queue(1), Instant::now());
        let of_site = |n: u32| client(&format!("2001:db8:7:{n:x}::1"));
        for n in 0..1_000 {
            queue.count(of_site(n), now);
        }
        queue.wait(of_site(1_000), "flood", now);
        queue.wait(client("2001:db8:8::1"), "newcomer", now);
        assert_eq!(order(&mut queue), ["newcomer", "flood"]);
    }
}
