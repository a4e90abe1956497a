//! A bounded cache of unwrapped keys.
//!
//! It has two generations. A key that is used stays in, or moves to, the young generation. When the young
//! generation is full, it replaces the old one. A destroyed key stays in the cache as destroyed, so that a
//! late database answer cannot bring it back.

use std::collections::HashMap;

use daybook_domain::{KeyId, SubjectId};

use crate::crypto::DataKey;

/// Upper bound for both generations together.
pub const MAX_CACHED_KEYS: usize = 100_000;

const GENERATION_KEYS: usize = MAX_CACHED_KEYS / 2;

#[derive(Default)]
struct Generation {
    keys: HashMap<KeyId, Option<DataKey>>,
    live: HashMap<SubjectId, KeyId>,
}

#[derive(Default)]
pub(crate) struct Cache {
    young: Generation,
    old: Generation,
}

impl Cache {
    /// `None` if the key is not cached, `Some(None)` if it is known to be destroyed.
    pub(crate) fn get(&mut self, id: KeyId) -> Option<Option<DataKey>> {
        if let Some(key) = self.young.keys.get(&id) {
            return Some(key.clone());
        }
        let key = self.old.keys.remove(&id)?;
        self.put(id, key.clone());
        Some(key)
    }

    pub(crate) fn live(&mut self, subject: SubjectId) -> Option<(KeyId, DataKey)> {
        let id = self.young.live.get(&subject).or_else(|| self.old.live.get(&subject)).copied()?;
        let key = self.get(id)??;
        self.young.live.insert(subject, id);
        Some((id, key))
    }

    /// Caches a key from the database and returns the valid value: a destroyed key stays destroyed.
    pub(crate) fn insert(&mut self, id: KeyId, key: Option<DataKey>) -> Option<DataKey> {
        let holds = if self.get(id) == Some(None) { None } else { key };
        self.put(id, holds.clone());
        holds
    }

    pub(crate) fn insert_live(&mut self, subject: SubjectId, id: KeyId, key: DataKey) {
        if self.insert(id, Some(key)).is_some() {
            self.young.live.insert(subject, id);
        }
    }

    pub(crate) fn destroy(&mut self, id: KeyId) {
        self.old.keys.remove(&id);
        self.put(id, None);
    }

    fn put(&mut self, id: KeyId, key: Option<DataKey>) {
        if self.young.keys.len().max(self.young.live.len()) >= GENERATION_KEYS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.keys.insert(id, key);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use uuid::Uuid;

    use super::*;

    fn id(number: usize) -> KeyId {
        KeyId(Uuid::from_u128(number as u128))
    }

    fn subject(number: usize) -> SubjectId {
        SubjectId::from_bytes((number as u128).to_be_bytes())
    }

    fn key() -> DataKey {
        DataKey::from_bytes([1; 32])
    }

    #[test]
    fn the_cache_stays_within_its_bound_and_keeps_keys_in_use() {
        let mut cache = Cache::default();
        for number in 0..3 * MAX_CACHED_KEYS {
            cache.insert_live(subject(number), id(number), key());
            assert!(cache.live(subject(0)).is_some(), "the key in use was dropped at {number}");
        }
        let keys = cache.young.keys.len() + cache.old.keys.len();
        let live = cache.young.live.len() + cache.old.live.len();
        assert!(keys <= MAX_CACHED_KEYS && live <= MAX_CACHED_KEYS, "{keys} {live}");
        assert_eq!(cache.get(id(1)), None);
    }

    #[test]
    fn a_destroyed_key_does_not_come_back_with_a_late_answer() {
        let mut cache = Cache::default();
        cache.insert_live(subject(1), id(1), key());
        cache.destroy(id(1));
        assert_eq!(cache.live(subject(1)), None);
        assert_eq!(cache.insert(id(1), Some(key())), None);
        cache.insert_live(subject(1), id(1), key());
        assert_eq!((cache.live(subject(1)), cache.get(id(1))), (None, Some(None)));
        cache.insert_live(subject(1), id(2), key());
        assert_eq!(cache.live(subject(1)), Some((id(2), key())));
    }
}
