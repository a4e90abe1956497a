//! Keys taken out of the vault, for sealing and opening many texts without waiting. They are snapshots: a key that is
//! destroyed later still opens here, so they are to be dropped with the batch they were taken for.

use std::collections::HashMap;
use std::fmt;

use daybook_domain::{KeyId, Sealed, SubjectId};

use crate::crypto::{self, DataKey};
use crate::error::VaultError;

/// What a sealed text reads as.
#[derive(Clone, PartialEq, Eq)]
pub enum Opened {
    /// The text.
    Text(String),
    /// Nothing any more: its key was destroyed.
    Erased,
}

impl fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Erased => "Erased",
        })
    }
}

impl Opened {
    /// The text, where it can still be read.
    pub fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Erased => None,
        }
    }
}

/// Keys for opening.
#[derive(Clone, Default)]
pub struct Decryptor {
    /// Ids of keys are our own, so that a fast hash will do: a replay looks one up for every sealed text.
    keys: HashMap<KeyId, Option<DataKey>, foldhash::fast::RandomState>,
    /// Whether it takes a key that is not here for a destroyed one.
    is_blind: bool,
}

impl Decryptor {
    /// One that has no keys and reads every text as erased: for whoever reckons with a log that is not his to read.
    pub fn blind() -> Self {
        Self { keys: HashMap::default(), is_blind: true }
    }

    /// One that is about to be given so many keys.
    pub fn with_room_for(keys: usize) -> Self {
        let mut opener = Self::default();
        opener.keys.reserve(keys);
        opener
    }

    /// Opens a text. [`VaultError::UnknownKey`] where its key was not fetched because it was never kept, or was not
    /// asked for.
    pub fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Opened, VaultError> {
        match self.keys.get(&sealed.key) {
            Some(Some(key)) => crypto::open(key, sealed, context).map(Opened::Text),
            Some(None) => Ok(Opened::Erased),
            None if self.is_blind => Ok(Opened::Erased),
            None => Err(VaultError::UnknownKey(sealed.key)),
        }
    }

    /// Whether a key is known to be destroyed.
    pub fn is_destroyed(&self, key: KeyId) -> bool {
        matches!(self.keys.get(&key), Some(None))
    }

    /// Whether a key is here, be it as a destroyed one.
    pub fn has(&self, key: KeyId) -> bool {
        self.keys.contains_key(&key)
    }

    /// How many keys are here, with those that are destroyed.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is here.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes in another's keys. A key that is destroyed in either is destroyed.
    pub fn merge(&mut self, other: Self) {
        for (id, key) in other.keys {
            let mine = self.keys.entry(id).or_insert_with(|| key.clone());
            if key.is_none() {
                *mine = None;
            }
        }
    }

    /// Takes keys for destroyed.
    pub fn evict(&mut self, ids: &[KeyId]) {
        for id in ids {
            self.keys.insert(*id, None);
        }
    }

    /// Takes in a key that was not fetched from a vault: none for one that is destroyed.
    pub fn insert(&mut self, id: KeyId, key: Option<DataKey>) {
        self.keys.insert(id, key);
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Opener({} keys)", self.keys.len())
    }
}

/// Live keys for sealing.
#[derive(Clone, Default)]
pub struct Encryptor {
    keys: HashMap<SubjectId, (KeyId, DataKey)>,
}

impl Encryptor {
    /// Seals a text with a live key of a subject that was asked for.
    pub fn seal(&self, subject: SubjectId, context: &[u8], text: &str) -> Result<Sealed, VaultError> {
        let (id, key) = self.keys.get(&subject).ok_or(VaultError::NotFetched(subject))?;
        crypto::seal(*id, key, context, text)
    }

    /// Takes in a subject's key that was not fetched from a vault.
    pub fn insert(&mut self, subject: SubjectId, id: KeyId, key: DataKey) {
        self.keys.insert(subject, (id, key));
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sealer({} subjects)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use uuid::Uuid;

    use super::*;

    const ID: KeyId = KeyId(Uuid::from_u128(1));
    const SUBJECT: SubjectId = SubjectId::from_bytes([1; 16]);

    fn opener(key: Option<DataKey>) -> Decryptor {
        Decryptor { keys: [(ID, key)].into_iter().collect(), ..Decryptor::default() }
    }

    #[test]
    fn a_text_opens_until_its_key_is_destroyed_and_nothing_opens_with_an_unknown_key() {
        let key = DataKey::random().unwrap();
        let sealer = Encryptor { keys: HashMap::from([(SUBJECT, (ID, key.clone()))]) };
        let sealed = sealer.seal(SUBJECT, b"r1", "words").unwrap();
        let mut living = opener(Some(key));
        assert_eq!(living.open(&sealed, b"r1").unwrap().text().as_deref(), Some("words"));
        assert!(matches!(Decryptor::default().open(&sealed, b"r1"), Err(VaultError::UnknownKey(ID))));
        assert_eq!(Decryptor::blind().open(&sealed, b"r1").unwrap(), Opened::Erased);
        assert!(!living.is_destroyed(ID));
        living.evict(&[ID]);
        assert!(living.is_destroyed(ID));
        assert_eq!(living.open(&sealed, b"r1").unwrap(), Opened::Erased);
        let stranger = SubjectId::from_bytes([2; 16]);
        assert!(matches!(sealer.seal(stranger, b"", ""), Err(VaultError::NotFetched(s)) if s == stranger));
    }

    #[test]
    fn a_key_that_is_destroyed_in_one_of_two_is_destroyed_in_both_together() {
        let key = DataKey::random().unwrap();
        for (mut one, other) in [(opener(None), opener(Some(key.clone()))), (opener(Some(key)), opener(None))]
        {
            one.merge(other);
            assert!(one.keys[&ID].is_none() && one.has(ID));
        }
    }

    #[test]
    fn opened_text_is_not_shown() {
        assert_eq!(format!("{:?}", Opened::Text("words".into())), "Text(..)");
    }
}
