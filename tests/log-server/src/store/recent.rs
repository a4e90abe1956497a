//! Which ids were appended last: the only way to know a repeated append that names no place.
//!
//! It must never grow beyond its bound: the real server's memory is bounded as well, and a client that relies on it for
//! longer has to be found out.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

/// How many ids are remembered.
pub(crate) const REMEMBERED_IDS: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct RecentIds {
    /// To the index of the record.
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
