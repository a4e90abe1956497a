//! The vault: seals patients' details, opens them, and forgets them by destroying keys.
//!
//! Each subject has a live key, wrapped by the master key and kept in `privacy.keys`; a few have more, where bookings at
//! the same moment each brought one. A key is on disk no later than anything that is sealed with it. Whoever forgets records the event first and destroys the keys second, so that a crash in between
//! is mended by doing it again. Nothing of what was sealed is ever logged or put into an error.

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
use crypto::SubjectHash;
use live_keys::{Finder, Found};
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

/// What sealed texts are bound up with: the reservation's id, for details, notes and reasons alike. A sealed text that
/// is moved to another booking does not open. Whoever seals and whoever opens pass the same.
pub fn sealing_context(reservation: &ReservationId) -> &[u8] {
    reservation.as_str().as_bytes()
}

/// Seals, opens and forgets. Clones share keys and connections.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    cache: Arc<Mutex<Cache>>,
    finder: Finder,
    subjects: SubjectHash,
}

impl Vault {
    /// A vault on a migrated database. Has to be called on a Tokio runtime.
    pub fn new(pool: Pool, keys: Arc<dyn KeyProvider>) -> Self {
        let subjects = SubjectHash::new(&keys.subject_key());
        let store = Store::new(pool, keys);
        let finder = Finder::start(store.clone());
        Self { store, cache: Arc::default(), finder, subjects }
    }

    /// Whose a phone number is. The same number gives the same subject for as long as the master key lives.
    pub fn subject(&self, phone: &Phone) -> SubjectId {
        self.subjects.of(phone)
    }

    /// Seals a text with a live key of the subject. Where there is none, one is made and on disk first.
    ///
    /// The context ties the text to its place, such as a reservation's id: it opens with the same context only.
    pub async fn seal(&self, subject: SubjectId, context: &[u8], text: &str) -> Result<Sealed, VaultError> {
        Ok(self.seal_with(self.live_key(subject, true).await?, context, text)?.0)
    }

    /// Seals a text that is about to be appended. A key that has to be made for it is not on disk: append it together with
    /// the text, and [`Self::adopt`] it then. Where that fails, forget about both.
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
        found: Found,
        context: &[u8],
        text: &str,
    ) -> Result<(Sealed, Option<FreshKey>), VaultError> {
        match found {
            Found::Kept(id, key) => Ok((crypto::seal(id, &key, context, text)?, None)),
            Found::Fresh(key) => Ok((crypto::seal(key.row().id, key.key(), context, text)?, Some(key))),
        }
    }

    async fn live_key(&self, subject: SubjectId, keep: bool) -> Result<Found, VaultError> {
        let known = self.lock().live(subject);
        if let Some((id, key)) = known {
            return Ok(Found::Kept(id, key));
        }
        let found = self.finder.find(subject, keep).await?;
        if let Found::Kept(id, key) = &found {
            self.lock().insert_live(subject, *id, key.clone());
        }
        Ok(found)
    }

    /// Takes in a key that was appended with what it seals, so that the next booking of its subject uses it too.
    pub fn adopt(&self, key: FreshKey) {
        let subject = key.row().subject;
        let (id, key) = key.into_live();
        self.lock().insert_live(subject, id, key);
    }

    /// Live keys of many subjects at once, made and on disk where there are none: thousands a statement. For imports.
    pub async fn keys_for(&self, subjects: &[SubjectId]) -> Result<Encryptor, VaultError> {
        let mut sealer = Encryptor::default();
        let mut missing = Vec::new();
        {
            let mut cache = self.lock();
            for subject in subjects {
                match cache.live(*subject) {
                    Some((id, key)) => sealer.insert(*subject, id, key),
                    None => missing.push(*subject),
                }
            }
        }
        missing.sort_unstable();
        missing.dedup();
        for chunk in missing.chunks(MAX_STATEMENT_KEYS) {
            let mut keys = self.store.live(chunk).await?;
            let kept: HashSet<SubjectId> = keys.iter().map(|live| live.subject).collect();
            let new: Vec<SubjectId> =
                chunk.iter().copied().filter(|subject| !kept.contains(subject)).collect();
            keys.extend(self.store.make(&new).await?.into_iter().map(LiveKey::from));
            for live in keys {
                self.lock().insert_live(live.subject, live.id, live.key.clone());
                sealer.insert(live.subject, live.id, live.key);
            }
        }
        Ok(sealer)
    }

    /// Opens a text. A key that was destroyed gives [`Opened::Erased`]; one that never was is an error.
    pub async fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Opened, VaultError> {
        self.prefetch(&[sealed.key]).await?.open(sealed, context)
    }

    /// Fetches keys for opening many texts without waiting, those that are not at hand by one statement.
    pub async fn prefetch(&self, ids: &[KeyId]) -> Result<Decryptor, VaultError> {
        let mut opener = Decryptor::default();
        let missing = self.take_cached(ids, &mut opener);
        for chunk in missing.chunks(MAX_STATEMENT_KEYS) {
            let stored = self.store.keys(chunk).await?;
            let mut cache = self.lock();
            for (id, key) in stored {
                opener.insert(id, cache.insert(id, key));
            }
        }
        Ok(opener)
    }

    fn take_cached(&self, ids: &[KeyId], opener: &mut Decryptor) -> Vec<KeyId> {
        let mut missing = Vec::new();
        let mut cache = self.lock();
        for id in ids {
            match cache.get(*id) {
                Some(key) => opener.insert(*id, key),
                None => missing.push(*id),
            }
        }
        drop(cache);
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Fetches all keys there are, for a replay. They do not go through the cache.
    pub async fn load_all_keys(&self) -> Result<Decryptor, VaultError> {
        self.store.all().await
    }

    /// The live keys of a subject: what the event that forgets them has to name.
    pub async fn live_keys(&self, subject: SubjectId) -> Result<Vec<KeyId>, VaultError> {
        self.store.live_ids(subject).await
    }

    /// Destroys keys. To be called after it is recorded; calling it again changes nothing.
    pub async fn destroy(&self, ids: &[KeyId]) -> Result<(), VaultError> {
        self.store.destroy(ids).await?;
        self.evict(ids);
        Ok(())
    }

    /// Destroys all live keys of a subject and says which. Recording it is left to the caller.
    pub async fn forget(&self, subject: SubjectId) -> Result<Vec<KeyId>, VaultError> {
        let ids = self.store.destroy_of(subject).await?;
        self.evict(&ids);
        Ok(ids)
    }

    /// Takes keys for destroyed from here on, without asking the database: for whoever follows the log and sees that
    /// another process has forgotten them.
    pub fn evict(&self, ids: &[KeyId]) {
        let mut cache = self.lock();
        ids.iter().for_each(|id| cache.destroy(*id));
    }

    /// Nothing is half done in a cache whose user panicked: each change is one step.
    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault(..)")
    }
}
