//! The highest position that is known to be committed, for all who wait for what comes after.
//!
//! It only ever makes followers look sooner; what it misses they find by looking for themselves.

use tokio::sync::watch;

use crate::port::Position;

/// The known head. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct KnownHead(watch::Sender<Position>);

impl KnownHead {
    pub(crate) fn at(head: Position) -> Self {
        Self(watch::Sender::new(head))
    }

    /// Everything up to this position is committed.
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
