//! The connections of one worker: which of them wait for their client, and for how long.
//!
//! When a worker has as many connections as it may, the one that has waited longest for its client is closed: an idle one, one
//! whose request or body does not arrive, or one whose client does not read. A connection is never closed while Daybook works
//! on its request.

mod stream;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

pub(crate) use stream::WatchedStream;

/// How often a worker looks whether it has too many connections.
const TEND_PAUSE: Duration = Duration::from_millis(50);

/// How often it looks for connections that wait too long: every 5 s.
const ROUNDS_PER_DEADLINE_CHECK: u32 = 100;

/// What is counted about connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionMetrics {
    pub(crate) open: Gauge,
    pub(crate) closed_waiting: Counter,
}

/// Bounds of the connections of one worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections beyond which those that have waited longest are closed.
    pub(crate) open: usize,
    /// How long a connection waits at least before it is closed for others: its request may be on the way.
    pub(crate) min_wait: Duration,
    /// Longest time that a connection waits for its client.
    pub(crate) max_wait: Duration,
    /// Longest time from the first byte of a head or body to its end.
    pub(crate) max_receipt: Duration,
}

/// The connections of one worker.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    open: Cell<usize>,
    /// Those that wait for their client, in the order in which they began to.
    waiting: RefCell<BTreeMap<u64, Connection>>,
    next: Cell<u64>,
    metrics: ConnectionMetrics,
}

impl Connections {
    pub(crate) fn new(limits: Limits, metrics: ConnectionMetrics) -> Rc<Self> {
        Rc::new(Self { limits, open: Cell::new(0), waiting: RefCell::default(), next: Cell::new(0), metrics })
    }

    /// Closes connections for as long as the worker has any.
    pub(crate) async fn tend(connections: Weak<Self>) {
        let mut pauses = tokio::time::interval(TEND_PAUSE);
        for round in 0_u32.. {
            pauses.tick().await;
            let Some(connections) = connections.upgrade() else { return };
            connections.make_room();
            if round.is_multiple_of(ROUNDS_PER_DEADLINE_CHECK) {
                connections.close_late();
            }
        }
    }

    /// Registers a new connection.
    fn open(self: &Rc<Self>) -> Connection {
        self.open.set(self.open.get() + 1);
        self.metrics.open.inc();
        self.make_room();
        let connection = Connection(Rc::new(State {
            connections: Rc::clone(self),
            turn: Cell::new(None),
            since: Cell::new(Instant::now()),
            received: Cell::new(None),
            is_closed: Cell::new(false),
            is_late: Cell::new(false),
            waker: RefCell::default(),
        }));
        connection.begin_to_wait();
        connection
    }

    /// If there are too many connections, closes those that have waited longest.
    fn make_room(&self) {
        let mut excess = self.open.get().saturating_sub(self.limits.open);
        while excess > 0
            && let Some(oldest) = self.waiting.borrow_mut().first_entry()
            && oldest.get().0.since.get().elapsed() >= self.limits.min_wait
        {
            excess -= 1;
            self.close(&oldest.remove());
        }
    }

    /// Closes connections that wait for longer than they may.
    fn close_late(&self) {
        let Limits { max_wait, max_receipt, .. } = self.limits;
        self.waiting.borrow_mut().retain(|_, connection| {
            let (since, received) = (connection.0.since.get(), connection.0.received.get());
            let late = since.elapsed() > max_wait || received.is_some_and(|at| at.elapsed() > max_receipt);
            if late {
                self.close(connection);
            }
            !late
        });
    }

    /// Closes a connection that waits no more.
    fn close(&self, connection: &Connection) {
        connection.0.turn.set(None);
        connection.close();
        self.metrics.closed_waiting.inc();
    }
}

/// One connection.
#[derive(Clone)]
pub(crate) struct Connection(Rc<State>);

struct State {
    connections: Rc<Connections>,
    /// Its turn to be closed; none while Daybook works on its request.
    turn: Cell<Option<u64>>,
    /// Since when it waits.
    since: Cell<Instant>,
    /// When the first byte came for which it waited.
    received: Cell<Option<Instant>>,
    is_closed: Cell<bool>,
    /// Whether a body did not arrive in time. The server may still wait for the rest of it.
    is_late: Cell<bool>,
    /// Wakes the task of the connection.
    waker: RefCell<Option<Waker>>,
}

impl Connection {
    /// Daybook works on a request of this connection until the returned value is dropped.
    pub(crate) fn work(&self) -> Working {
        self.end_wait();
        Working(self.clone())
    }

    /// Daybook waits for the client until the returned value is dropped.
    pub(crate) fn wait_for_client(&self) -> Waiting {
        self.begin_to_wait();
        Waiting(self.clone())
    }

    /// A body did not arrive in time, so its rest is not waited for as long as for another request.
    pub(crate) fn set_late(&self) {
        self.0.is_late.set(true);
    }

    fn begin_to_wait(&self) {
        let (state, connections) = (&self.0, &self.0.connections);
        if state.is_closed.get() || state.turn.get().is_some() {
            return;
        }
        let turn = connections.next.replace(connections.next.get() + 1);
        state.turn.set(Some(turn));
        state.since.set(Instant::now());
        state.received.set(state.is_late.get().then(Instant::now));
        connections.waiting.borrow_mut().insert(turn, self.clone());
    }

    fn end_wait(&self) {
        if let Some(turn) = self.0.turn.take() {
            self.0.connections.waiting.borrow_mut().remove(&turn);
        }
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed.get()
    }

    /// Bytes came in.
    fn receive(&self) {
        if self.0.turn.get().is_some() && self.0.received.get().is_none() {
            self.0.received.set(Some(Instant::now()));
        }
    }

    /// Remembers which task to wake when the connection is closed.
    fn watch(&self, context: &Context<'_>) {
        let mut waker = self.0.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    fn close(&self) {
        self.0.is_closed.set(true);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }

    /// The stream is gone.
    fn forget(&self) {
        self.end_wait();
        self.0.is_closed.set(true);
        let connections = &self.0.connections;
        connections.open.set(connections.open.get().saturating_sub(1));
        connections.metrics.open.dec();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").field("turn", &self.0.turn.get()).finish_non_exhaustive()
    }
}

/// Daybook works on a request of a connection.
#[derive(Debug)]
pub(crate) struct Working(Connection);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.begin_to_wait();
    }
}

/// A handler waits for the client of its connection.
#[derive(Debug)]
pub(crate) struct Waiting(Connection);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.end_wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);

    fn table(open: usize) -> Rc<Connections> {
        let limits = Limits { open, min_wait: Duration::ZERO, max_wait: NEVER, max_receipt: NEVER };
        Connections::new(limits, ConnectionMetrics::default())
    }

    fn closed(connections: &[&Connection]) -> Vec<bool> {
        connections.iter().map(|connection| connection.is_closed()).collect()
    }

    #[test]
    fn the_connection_that_has_waited_longest_is_closed_and_none_that_works() {
        let table = table(3);
        let (first, second, third) = (table.open(), table.open(), table.open());
        let working = first.work();
        let fourth = table.open();
        assert_eq!(closed(&[&first, &second, &third, &fourth]), [false, true, false, false]);
        second.forget();
        drop(working);
        let fifth = table.open();
        assert_eq!(closed(&[&first, &third, &fourth, &fifth]), [false, true, false, false]);
        assert_eq!(table.metrics.closed_waiting.get(), 2);
        assert_eq!(table.metrics.open.get(), 4);
    }

    #[test]
    fn a_connection_has_a_moment_to_send_its_request() {
        let limits = Limits { min_wait: NEVER, ..table(1).limits };
        let table = Connections::new(limits, ConnectionMetrics::default());
        let (first, second) = (table.open(), table.open());
        table.make_room();
        assert_eq!(closed(&[&first, &second]), [false, false]);
    }

    #[test]
    fn a_request_whose_body_does_not_arrive_can_be_closed() {
        let table = table(1);
        let slow = table.open();
        let working = slow.work();
        let waiting = slow.wait_for_client();
        let next = table.open();
        assert_eq!(closed(&[&slow, &next]), [true, false]);
        drop((waiting, working));
        slow.forget();
        assert_eq!(table.waiting.borrow().len(), 1);
    }

    #[test]
    fn a_connection_that_waits_or_receives_for_too_long_is_closed() {
        let idle = Limits { max_wait: Duration::ZERO, ..table(9).limits };
        let trickling = Limits { max_receipt: Duration::ZERO, ..table(9).limits };
        for (limits, expected) in [(idle, [true, true, false]), (trickling, [false, true, false])] {
            let table = Connections::new(limits, ConnectionMetrics::default());
            let (silent, partial, working) = (table.open(), table.open(), table.open());
            partial.receive();
            working.receive();
            let _working = working.work();
            std::thread::sleep(Duration::from_millis(1));
            table.close_late();
            assert_eq!(closed(&[&silent, &partial, &working]), expected);
            let late = table.open();
            let answering = late.work();
            late.set_late();
            drop(answering);
            std::thread::sleep(Duration::from_millis(1));
            table.close_late();
            assert!(late.is_closed());
        }
    }
}
