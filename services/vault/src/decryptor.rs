//! Keys taken from the vault, to seal and open many texts without waiting. They are snapshots: a key that is
//! destroyed later still opens texts here, so drop them with the batch they were fetched for.

use std::collections::HashMap;
use std::fmt;

use daybook_domain::{KeyId, Sealed, SubjectId};

use crate::crypto::{self, DataKey};
use crate::error::VaultError;

/// The result of opening a sealed text.
#[derive(Clone, PartialEq, Eq)]
pub enum Opened {
    Text(String),
    /// The key was destroyed, so the text cannot be read any more.
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
    /// The text, or `None` if it was erased.
    pub fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Erased => None,
        }
    }
}

/// Keys to open texts with. A destroyed key is present without its bytes.
#[derive(Clone, Default)]
pub struct Decryptor {
    /// Key ids are our own UUIDs, so a fast hash is safe. A replay looks one up for every sealed text.
    keys: HashMap<KeyId, Option<DataKey>, foldhash::fast::RandomState>,
    treats_unknown_as_erased: bool,
}

impl Decryptor {
    /// A decryptor without keys that reads every text as erased, for logs whose keys are not available.
    pub fn without_keys() -> Self {
        Self { keys: HashMap::default(), treats_unknown_as_erased: true }
    }

    /// An empty decryptor with room for this many keys.
    pub fn with_capacity(keys: usize) -> Self {
        let mut decryptor = Self::default();
        decryptor.keys.reserve(keys);
        decryptor
    }

    /// Opens a text. Returns [`VaultError::UnknownKey`] if its key was not fetched or never existed.
    pub fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Opened, VaultError> {
        match self.keys.get(&sealed.key) {
            Some(Some(key)) => crypto::open(key, sealed, context).map(Opened::Text),
            Some(None) => Ok(Opened::Erased),
            None if self.treats_unknown_as_erased => Ok(Opened::Erased),
            None => Err(VaultError::UnknownKey(sealed.key)),
        }
    }

    /// Whether this key is known to be destroyed.
    pub fn is_destroyed(&self, key: KeyId) -> bool {
        matches!(self.keys.get(&key), Some(None))
    }

    /// Number of keys, including destroyed ones.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it holds no key, not even a destroyed one.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds the keys of another decryptor. A key that is destroyed in either is destroyed in the result.
    pub fn merge(&mut self, other: Self) {
        for (id, key) in other.keys {
            let mine = self.keys.entry(id).or_insert_with(|| key.clone());
            if key.is_none() {
                *mine = None;
            }
        }
    }

    /// Marks keys as destroyed.
    pub fn evict(&mut self, ids: &[KeyId]) {
        for id in ids {
            self.keys.insert(*id, None);
        }
    }

    /// Adds a key, or marks it as destroyed with `None`.
    pub fn insert(&mut self, id: KeyId, key: Option<DataKey>) {
        self.keys.insert(id, key);
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Decryptor({} keys)", self.keys.len())
    }
}

/// Live keys to seal texts with, one for each subject.
#[derive(Clone, Default)]
pub struct Encryptor {
    keys: HashMap<SubjectId, (KeyId, DataKey)>,
}

impl Encryptor {
    /// Seals a text. Returns [`VaultError::NotFetched`] if the subject's key was not fetched.
    pub fn seal(&self, subject: SubjectId, context: &[u8], text: &str) -> Result<Sealed, VaultError> {
        let (id, key) = self.keys.get(&subject).ok_or(VaultError::NotFetched(subject))?;
        crypto::seal(*id, key, context, text)
    }

    /// Adds the live key of a subject.
    pub fn insert(&mut self, subject: SubjectId, id: KeyId, key: DataKey) {
        self.keys.insert(subject, (id, key));
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Encryptor({} subjects)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use uuid::Uuid;

    use super::*;

    const ID: KeyId = KeyId(Uuid::from_u128(1));
    const SUBJECT: SubjectId = SubjectId::from_bytes([1; 16]);

    fn decryptor(key: Option<DataKey>) -> Decryptor {
        Decryptor { keys: [(ID, key)].into_iter().collect(), ..Decryptor::default() }
    }

    #[test]
    fn a_text_opens_until_its_key_is_destroyed_and_never_with_an_unknown_key() {
        let key = DataKey::random().unwrap();
        let encryptor = Encryptor { keys: HashMap::from([(SUBJECT, (ID, key.clone()))]) };
        let sealed = encryptor.seal(SUBJECT, b"r1", "words").unwrap();
        let mut living = decryptor(Some(key));
        assert_eq!(living.open(&sealed, b"r1").unwrap().text().as_deref(), Some("words"));
        assert!(matches!(Decryptor::default().open(&sealed, b"r1"), Err(VaultError::UnknownKey(ID))));
        assert_eq!(Decryptor::without_keys().open(&sealed, b"r1").unwrap(), Opened::Erased);
        assert!(!living.is_destroyed(ID));
        living.evict(&[ID]);
        assert!(living.is_destroyed(ID));
        assert_eq!(living.open(&sealed, b"r1").unwrap(), Opened::Erased);
        let stranger = SubjectId::from_bytes([2; 16]);
        assert!(matches!(encryptor.seal(stranger, b"", ""), Err(VaultError::NotFetched(s)) if s == stranger));
    }

    #[test]
    fn merging_keeps_a_key_destroyed_that_is_destroyed_on_either_side() {
        let key = DataKey::random().unwrap();
        for (mut one, other) in
            [(decryptor(None), decryptor(Some(key.clone()))), (decryptor(Some(key)), decryptor(None))]
        {
            one.merge(other);
            assert!(one.keys[&ID].is_none());
        }
    }

    #[test]
    fn debug_does_not_show_the_opened_text() {
        assert_eq!(format!("{:?}", Opened::Text("words".into())), "Text(..)");
    }
}
