//! The highest position known to be committed, shared with everything that waits for new events.
//!
//! It only makes followers read sooner. They find events that it misses by polling.

use tokio::sync::watch;

use crate::port::Position;

/// Clones share the position.
#[derive(Debug, Clone)]
pub(crate) struct KnownHead(watch::Sender<Position>);

impl KnownHead {
    pub(crate) fn at(head: Position) -> Self {
        Self(watch::Sender::new(head))
    }

    /// Records that everything up to this position is committed.
    pub(crate) fn announce(&self, head: Position) {
        self.0.send_if_modified(|known| {
            let is_news = head > *known;
            *known = head.max(*known);
            is_news
        });
    }

    pub(crate) fn get(&self) -> Position {
        *self.0.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Position> {
        self.0.subscribe()
    }
}
