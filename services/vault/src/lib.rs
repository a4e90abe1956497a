//! The vault: keys of patients' details, sealing, opening and erasing.
//!
//! Each subject has a live key, wrapped with the master key and stored in `privacy.keys`. A subject can have
//! several live keys if concurrent bookings each created one. A key is stored no later than the texts sealed
//! with it. To forget a patient, record the event first and destroy the keys second: after a crash in
//! between, destroying them again completes it.
//!
//! No plaintext ever reaches a log line or an error. The vault never appends events.

mod cache;
mod crypto;
mod decryptor;
mod details;
mod error;
mod fresh_key;
mod live_keys;
mod master;
mod store;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daybook_domain::phone::Phone;
use daybook_domain::{KeyId, ReservationId, Sealed, SubjectId};
use deadpool_postgres::Pool;

use cache::Cache;
use crypto::{RequestHash, SubjectHash};
use live_keys::{KeyLookup, SubjectKey};
use store::{LiveKey, Store};

pub use cache::MAX_CACHED_KEYS;
pub use crypto::DataKey;
pub use decryptor::{Decryptor, Encryptor, Opened};
pub use details::PatientDetails;
pub use error::{InvalidMasterKey, KeyProviderError, VaultError};
pub use fresh_key::FreshKey;
pub use live_keys::MAX_GROUP_SUBJECTS;
pub use master::{KeyProvider, MasterKey, WrappedKey};
pub use store::MAX_STATEMENT_KEYS;

/// The context of a reservation's sealed texts: its id, for details, notes and reasons alike. A sealed text
/// that is moved to another reservation does not open.
pub fn sealing_context(reservation: &ReservationId) -> &[u8] {
    reservation.as_str().as_bytes()
}

/// Seals, opens and erases. Clones share keys and connections.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    cache: Arc<Mutex<Cache>>,
    lookup: KeyLookup,
    subjects: SubjectHash,
    requests: RequestHash,
}

impl Vault {
    /// A vault in a migrated database. Must be called inside a Tokio runtime.
    pub fn new(pool: Pool, keys: Arc<dyn KeyProvider>) -> Self {
        let subject_key = keys.subject_key();
        let (subjects, requests) = (SubjectHash::new(&subject_key), RequestHash::new(&subject_key));
        let store = Store::new(pool, keys);
        let lookup = KeyLookup::start(store.clone());
        Self { store, cache: Arc::default(), lookup, subjects, requests }
    }

    /// The subject of a phone number. It depends only on the number and the master key.
    pub fn subject(&self, phone: &Phone) -> SubjectId {
        self.subjects.subject(phone)
    }

    /// A keyed hash of some parts. It depends only on them and the master key, so it can be stored where nobody may verify a
    /// guess.
    pub fn keyed_hash(&self, parts: &[&[u8]]) -> [u8; 16] {
        self.requests.hash(parts)
    }

    /// The subject of a phone number first, then those under which earlier releases recorded other spellings of it.
    pub fn subjects(&self, phone: &Phone) -> Vec<SubjectId> {
        let former = phone.former();
        std::iter::once(phone).chain(&former).map(|phone| self.subject(phone)).collect()
    }

    /// Seals a text with a live key of the subject. If there is none, creates and stores one first.
    ///
    /// The context binds the text to its place, such as a reservation's id: it opens only with the same
    /// context.
    pub async fn seal(&self, subject: SubjectId, context: &[u8], text: &str) -> Result<Sealed, VaultError> {
        Ok(self.seal_with(self.live_key(subject, true).await?, context, text)?.0)
    }

    /// Seals a text that is about to be appended. If this creates a key, the key is not stored yet: append it
    /// together with the text, then call [`Self::adopt`]. If the append fails, discard both.
    pub async fn seal_for_append(
        &self,
        subject: SubjectId,
        context: &[u8],
        text: &str,
    ) -> Result<(Sealed, Option<FreshKey>), VaultError> {
        self.seal_with(self.live_key(subject, false).await?, context, text)
    }

    fn seal_with(
        &self,
        key: SubjectKey,
        context: &[u8],
        text: &str,
    ) -> Result<(Sealed, Option<FreshKey>), VaultError> {
        match key {
            SubjectKey::Stored(id, key) => Ok((crypto::seal(id, &key, context, text)?, None)),
            SubjectKey::Fresh(key) => Ok((crypto::seal(key.row().id, key.key(), context, text)?, Some(key))),
        }
    }

    async fn live_key(&self, subject: SubjectId, persist: bool) -> Result<SubjectKey, VaultError> {
        let known = self.lock().live(subject);
        if let Some((id, key)) = known {
            return Ok(SubjectKey::Stored(id, key));
        }
        let found = self.lookup.find(subject, persist).await?;
        if let SubjectKey::Stored(id, key) = &found {
            self.lock().insert_live(subject, *id, key.clone());
        }
        Ok(found)
    }

    /// Caches a key that was appended with its text, so that the subject's next booking uses it too.
    pub fn adopt(&self, key: FreshKey) {
        let subject = key.row().subject;
        let (id, key) = key.into_live();
        self.lock().insert_live(subject, id, key);
    }

    /// Live keys of many subjects, created and stored where missing, thousands per statement. For imports.
    pub async fn keys_for(&self, subjects: &[SubjectId]) -> Result<Encryptor, VaultError> {
        let mut encryptor = Encryptor::default();
        let mut missing = Vec::new();
        {
            let mut cache = self.lock();
            for subject in subjects {
                match cache.live(*subject) {
                    Some((id, key)) => encryptor.insert(*subject, id, key),
                    None => missing.push(*subject),
                }
            }
        }
        missing.sort_unstable();
        missing.dedup();
        for chunk in missing.chunks(MAX_STATEMENT_KEYS) {
            let mut keys = self.store.live(chunk).await?;
            let stored: HashSet<SubjectId> = keys.iter().map(|live| live.subject).collect();
            let new: Vec<SubjectId> =
                chunk.iter().copied().filter(|subject| !stored.contains(subject)).collect();
            keys.extend(self.store.create(&new).await?.into_iter().map(LiveKey::from));
            for live in keys {
                self.lock().insert_live(live.subject, live.id, live.key.clone());
                encryptor.insert(live.subject, live.id, live.key);
            }
        }
        Ok(encryptor)
    }

    /// Opens a text. A destroyed key gives [`Opened::Erased`]; a key that never existed is an error.
    pub async fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Opened, VaultError> {
        self.prefetch(&[sealed.key]).await?.open(sealed, context)
    }

    /// Fetches the keys of many texts, so that they open without waiting. One statement fetches all uncached
    /// keys.
    pub async fn prefetch(&self, ids: &[KeyId]) -> Result<Decryptor, VaultError> {
        let mut decryptor = Decryptor::default();
        let missing = self.take_cached(ids, &mut decryptor);
        for chunk in missing.chunks(MAX_STATEMENT_KEYS) {
            let stored = self.store.keys(chunk).await?;
            let mut cache = self.lock();
            for (id, key) in stored {
                decryptor.insert(id, cache.insert(id, key));
            }
        }
        Ok(decryptor)
    }

    fn take_cached(&self, ids: &[KeyId], decryptor: &mut Decryptor) -> Vec<KeyId> {
        let mut missing = Vec::new();
        let mut cache = self.lock();
        for id in ids {
            match cache.get(*id) {
                Some(key) => decryptor.insert(*id, key),
                None => missing.push(*id),
            }
        }
        drop(cache);
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Fetches all keys, for a replay. They bypass the cache.
    pub async fn load_all_keys(&self) -> Result<Decryptor, VaultError> {
        self.store.load_all().await
    }

    /// The ids of a subject's live keys, which the forgetting event has to name.
    pub async fn live_keys(&self, subject: SubjectId) -> Result<Vec<KeyId>, VaultError> {
        self.store.live_ids(subject).await
    }

    /// Destroys keys. Record the event first. Calling it again changes nothing.
    pub async fn destroy(&self, ids: &[KeyId]) -> Result<(), VaultError> {
        self.store.destroy(ids).await?;
        self.evict(ids);
        Ok(())
    }

    /// Destroys all live keys of a subject and returns their ids. The caller records the event.
    pub async fn forget(&self, subject: SubjectId) -> Result<Vec<KeyId>, VaultError> {
        let ids = self.store.destroy_live(subject).await?;
        self.evict(&ids);
        Ok(ids)
    }

    /// Marks keys as destroyed in the cache only, after the log shows that another process destroyed them.
    pub fn evict(&self, ids: &[KeyId]) {
        let mut cache = self.lock();
        ids.iter().for_each(|id| cache.destroy(*id));
    }

    /// A poisoned lock is safe to use: every change to the cache is one step.
    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault(..)")
    }
}
