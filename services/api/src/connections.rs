//! The connections of one worker: which of them wait for their client, and for how long.
//!
//! When a worker has as many connections as it may, the one that has waited longest for its client is closed: an idle one, one
//! whose request or body does not arrive, or one whose client does not read. A connection is never closed while Daybook works
//! on its request.

mod stream;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

pub(crate) use stream::WatchedStream;

/// What is counted about connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionMetrics {
    pub(crate) open: Gauge,
    pub(crate) closed_waiting: Counter,
}

/// The connections of one worker.
#[derive(Debug)]
pub(crate) struct Connections {
    /// Connections from which on the one that has waited longest is closed.
    limit: usize,
    /// Longest time that a connection waits for its client.
    max_wait: Duration,
    open: Cell<usize>,
    /// Those that wait for their client, in the order in which they began to.
    waiting: RefCell<BTreeMap<u64, Connection>>,
    next: Cell<u64>,
    metrics: ConnectionMetrics,
}

impl Connections {
    pub(crate) fn new(limit: usize, max_wait: Duration, metrics: ConnectionMetrics) -> Rc<Self> {
        Rc::new(Self {
            limit,
            max_wait,
            open: Cell::new(0),
            waiting: RefCell::default(),
            next: Cell::new(0),
            metrics,
        })
    }

    /// Registers a new connection. Closes those that have waited too long, and if there are too many, the one that has waited
    /// longest.
    fn open(self: &Rc<Self>) -> Connection {
        self.open.set(self.open.get() + 1);
        self.metrics.open.inc();
        self.close_where(|connection| connection.0.since.get().elapsed() > self.max_wait);
        let mut excess = self.open.get().saturating_sub(self.limit);
        self.close_where(|_| {
            let close = excess > 0;
            excess = excess.saturating_sub(1);
            close
        });
        let connection = Connection(Rc::new(State {
            connections: Rc::clone(self),
            turn: Cell::new(None),
            since: Cell::new(Instant::now()),
            is_closed: Cell::new(false),
            waker: RefCell::default(),
        }));
        connection.begin_to_wait();
        connection
    }

    /// Closes waiting connections, the oldest first, until one is not to be closed.
    fn close_where(&self, mut is_to_close: impl FnMut(&Connection) -> bool) {
        while let Some(oldest) = self.waiting.borrow_mut().first_entry()
            && is_to_close(oldest.get())
        {
            let connection = oldest.remove();
            connection.0.turn.set(None);
            connection.close();
            self.metrics.closed_waiting.inc();
        }
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
    is_closed: Cell<bool>,
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

    fn begin_to_wait(&self) {
        let (state, connections) = (&self.0, &self.0.connections);
        if state.is_closed.get() || state.turn.get().is_some() {
            return;
        }
        let turn = connections.next.replace(connections.next.get() + 1);
        state.turn.set(Some(turn));
        state.since.set(Instant::now());
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

    fn closed(connections: &[&Connection]) -> Vec<bool> {
        connections.iter().map(|connection| connection.is_closed()).collect()
    }

    #[test]
    fn the_connection_that_has_waited_longest_is_closed_and_none_that_works() {
        let table = Connections::new(3, NEVER, ConnectionMetrics::default());
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
    fn a_request_whose_body_does_not_arrive_can_be_closed() {
        let table = Connections::new(1, NEVER, ConnectionMetrics::default());
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
    fn a_connection_that_waits_too_long_is_closed_when_another_comes() {
        let table = Connections::new(10, Duration::ZERO, ConnectionMetrics::default());
        let first = table.open();
        std::thread::sleep(Duration::from_millis(1));
        let second = table.open();
        assert_eq!(closed(&[&first, &second]), [true, false]);
    }
}
