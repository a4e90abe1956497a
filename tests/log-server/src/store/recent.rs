//! The most recently appended ids. They identify repeated appends that expect `Any` or `StreamExists`.
//!
//! The list must never grow beyond its bound. The real server bounds its list too, so the tests must
//! reveal a client that depends on a longer one.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

/// The number of ids to remember.
pub(crate) const REMEMBERED_IDS: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct RecentIds {
    /// Maps each id to the index of its record.
    records: HashMap<Uuid, usize>,
    order: VecDeque<(Uuid, usize)>,
}

impl RecentIds {
    pub(crate) fn get(&self, id: Uuid) -> Option<usize> {
        self.records.get(&id).copied()
    }

    pub(crate) fn remember(&mut self, id: Uuid, record: usize) {
        self.records.insert(id, record);
        self.order.push_back((id, record));
        if self.order.len() <= REMEMBERED_IDS {
            return;
        }
        if let Some((oldest, record)) = self.order.pop_front()
            && self.get(oldest) == Some(record)
        {
            self.records.remove(&oldest);
        }
    }
}
