//! Consecutive events of one stream in a file, gathered for one append.
//!
//! It must never reorder: an event of another stream ends the batch.

use super::line::PortableEvent;
use crate::port::{Expected, MAX_APPEND_BYTES, MAX_APPEND_EVENTS, NewEvent, Revision, StreamName};

/// At least one event.
pub(super) struct Batch {
    /// Line of the first event, from 1.
    pub(super) line: u64,
    pub(super) stream: StreamName,
    first: Revision,
    pub(super) events: Vec<NewEvent>,
    bytes: usize,
}

impl Batch {
    pub(super) fn new(portable: PortableEvent) -> Self {
        let PortableEvent { line, stream, revision: first, event } = portable;
        Self { line, stream, first, bytes: event.size_bytes(), events: vec![event] }
    }

    /// Adds an event, or returns it if it does not fit into the same append.
    pub(super) fn try_push(&mut self, portable: PortableEvent) -> Option<PortableEvent> {
        let bytes = self.bytes + portable.event.size_bytes();
        let fits = bytes <= MAX_APPEND_BYTES && self.events.len() < MAX_APPEND_EVENTS;
        if portable.stream != self.stream || !fits {
            return Some(portable);
        }
        self.bytes = bytes;
        self.events.push(portable.event);
        None
    }

    pub(super) fn expected(&self) -> Expected {
        let before = self.first.get().checked_sub(1);
        Expected::after(before.and_then(|last| Revision::new(last).ok()))
    }
}
