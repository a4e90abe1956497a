//! Checks that the events of a file form a valid history: nothing missing, duplicated or too large.
//!
//! It keeps ids and the next revision of each stream, about 40 bytes per event.

use std::collections::{HashMap, HashSet};

use super::error::LineFault;
use super::line::PortableEvent;
use crate::port::{EventId, MAX_APPEND_BYTES, Revision, StreamName};

/// The history so far.
#[derive(Default)]
pub(super) struct HistoryChecker {
    due: HashMap<StreamName, Revision>,
    ids: HashSet<EventId>,
}

impl HistoryChecker {
    /// Adds an event. Fails if it cannot follow the events before it.
    pub(super) fn record(&mut self, portable: &PortableEvent) -> Result<(), LineFault> {
        let PortableEvent { stream, revision: found, event, .. } = portable;
        let bytes = event.size_bytes();
        if bytes > MAX_APPEND_BYTES {
            return Err(LineFault::TooLarge { bytes, limit: MAX_APPEND_BYTES });
        }
        let due = self.due.get(stream).copied().unwrap_or(Revision::FIRST);
        if *found != due {
            return Err(LineFault::Revision { stream: stream.clone(), due, found: *found });
        }
        if !self.ids.insert(event.id) {
            return Err(LineFault::DuplicateId(event.id));
        }
        match self.due.get_mut(stream) {
            Some(due) => *due = due.next(),
            None => drop(self.due.insert(stream.clone(), Revision::FIRST.next())),
        }
        Ok(())
    }

    pub(super) fn streams(&self) -> u64 {
        self.due.len() as u64
    }
}
