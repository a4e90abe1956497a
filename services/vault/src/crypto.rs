//! The vault's cryptography: XChaCha20-Poly1305 with a random nonce, and HMAC-SHA256 to derive keys and
//! subjects.
//!
//! Pure except for randomness. No other module handles the bytes of keys, and nothing here prints them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use daybook_domain::phone::Phone;
use daybook_domain::{KeyId, Sealed, SubjectId};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::VaultError;

pub(crate) const KEY_BYTES: usize = 32;

/// The nonce precedes the ciphertext.
const NONCE_BYTES: usize = 24;

/// A 256-bit key. `Debug` does not print its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey([u8; KEY_BYTES]);

impl DataKey {
    /// A new key from the operating system's random source.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A key from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for wrapping the key.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// A key for one purpose, so that no key serves two.
    pub(crate) fn derive(&self, purpose: &str) -> Self {
        Self(mac(self).chain_update(purpose).finalize().into_bytes().into())
    }

    /// Nonce and ciphertext, authenticated together with `tied_to`.
    pub(crate) fn encrypt(&self, plain: &[u8], tied_to: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let mut sealed = vec![0; NONCE_BYTES];
        getrandom::fill(&mut sealed)?;
        sealed.extend(self.encrypt_with(&sealed, plain, tied_to));
        Ok(sealed)
    }

    #[expect(
        clippy::expect_used,
        reason = "the nonce has 24 bytes, and the cipher accepts texts of up to 256 GiB"
    )]
    fn encrypt_with(&self, nonce: &[u8], plain: &[u8], tied_to: &[u8]) -> Vec<u8> {
        let nonce = XNonce::try_from(nonce).expect("a nonce has 24 bytes");
        self.cipher().encrypt(&nonce, Payload { msg: plain, aad: tied_to }).expect("a text is short")
    }

    /// The plaintext, or `None` if the key, `tied_to` or the bytes differ from those used to encrypt.
    pub(crate) fn decrypt(&self, sealed: &[u8], tied_to: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        self.cipher().decrypt(&nonce, Payload { msg: ciphertext, aad: tied_to }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.0))
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DataKey(..)")
    }
}

#[expect(clippy::expect_used, reason = "HMAC accepts keys of any length")]
fn mac(key: &DataKey) -> Hmac<Sha256> {
    Hmac::new_from_slice(&key.0).expect("HMAC accepts any key")
}

/// Seals a text. The key's id and the context are authenticated with it.
pub(crate) fn seal(id: KeyId, key: &DataKey, context: &[u8], text: &str) -> Result<Sealed, VaultError> {
    let sealed = key.encrypt(text.as_bytes(), &ties(id, context)).map_err(VaultError::Randomness)?;
    Ok(Sealed { key: id, ciphertext: STANDARD.encode(sealed).into() })
}

/// Opens a text that was sealed with the same key and context.
pub(crate) fn open(key: &DataKey, sealed: &Sealed, context: &[u8]) -> Result<String, VaultError> {
    let not_authentic = || VaultError::NotAuthentic(sealed.key);
    let bytes = STANDARD.decode(sealed.ciphertext.as_bytes()).map_err(|_| not_authentic())?;
    let plain = key.decrypt(&bytes, &ties(sealed.key, context)).ok_or_else(not_authentic)?;
    String::from_utf8(plain).map_err(|_| not_authentic())
}

/// The id has a fixed length, so different pairs of id and context never give the same bytes.
fn ties(id: KeyId, context: &[u8]) -> Vec<u8> {
    [id.0.as_bytes(), context].concat()
}

/// Derives subjects from phone numbers.
#[derive(Clone)]
pub(crate) struct SubjectHash(Hmac<Sha256>);

impl SubjectHash {
    pub(crate) fn new(key: &DataKey) -> Self {
        Self(mac(key))
    }

    pub(crate) fn subject(&self, phone: &Phone) -> SubjectId {
        let hash: [u8; 32] = self.0.clone().chain_update(phone.as_str()).finalize().into_bytes().into();
        let mut first = [0; 16];
        first.iter_mut().zip(hash).for_each(|(byte, hashed)| *byte = hashed);
        SubjectId::from_bytes(first)
    }

    /// A phone number never starts like this, so no digest has the hash of a subject.
    pub(crate) fn keyed_digest(&self, digest: &[u8]) -> [u8; 16] {
        let hash: [u8; 32] =
            self.0.clone().chain_update(b"digest\0").chain_update(digest).finalize().into_bytes().into();
        let mut first = [0; 16];
        first.iter_mut().zip(hash).for_each(|(byte, hashed)| *byte = hashed);
        first
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const ID: KeyId = KeyId(Uuid::from_u128(1));

    fn key(byte: u8) -> DataKey {
        DataKey::from_bytes([byte; KEY_BYTES])
    }

    proptest! {
        #[test]
        fn a_sealed_text_opens_only_with_its_own_key_and_context(text: String, context: Vec<u8>) {
            let sealed = seal(ID, &key(1), &context, &text).unwrap();
            prop_assert_eq!(open(&key(1), &sealed, &context).unwrap(), text);
            prop_assert!(open(&key(2), &sealed, &context).is_err());
            let elsewhere = [context.as_slice(), b"x"].concat();
            prop_assert!(open(&key(1), &sealed, &elsewhere).is_err());
            let other = Sealed { key: KeyId(Uuid::from_u128(2)), ..sealed };
            prop_assert!(open(&key(1), &other, &context).is_err());
        }

        #[test]
        fn a_changed_text_does_not_open(text: String, place: prop::sample::Index, bit in 0..8u8) {
            let sealed = seal(ID, &key(1), b"here", &text).unwrap();
            let mut bytes = STANDARD.decode(sealed.ciphertext.as_bytes()).unwrap();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            let changed = Sealed { ciphertext: STANDARD.encode(bytes).into(), ..sealed };
            prop_assert!(open(&key(1), &changed, b"here").is_err());
        }
    }

    #[test]
    fn sealing_the_same_text_twice_gives_different_ciphertexts() {
        let seal_it = || seal(ID, &key(1), b"here", "again").unwrap().ciphertext;
        assert_ne!(seal_it(), seal_it());
    }

    #[test]
    fn malformed_ciphertexts_do_not_open() {
        for nonsense in ["", "no base64!", "c2hvcnQ="] {
            let sealed = Sealed { key: ID, ciphertext: nonsense.into() };
            assert!(matches!(open(&key(1), &sealed, b""), Err(VaultError::NotAuthentic(ID))), "{nonsense}");
        }
    }

    #[test]
    fn all_spellings_of_a_number_are_one_subject_and_another_key_gives_another_subject() {
        let hash = SubjectHash::new(&key(1));
        let phone = |text: &str| Phone::parse(text).unwrap();
        assert_eq!(hash.subject(&phone("010-0000-0001")), hash.subject(&phone("+82 10 0000 0001")));
        assert_ne!(hash.subject(&phone("010-0000-0001")), hash.subject(&phone("010-0000-0002")));
        assert_ne!(
            hash.subject(&phone("010-0000-0001")),
            SubjectHash::new(&key(2)).subject(&phone("010-0000-0001"))
        );
    }

    #[test]
    fn a_subject_is_the_prefix_of_a_standard_hmac() {
        // HMAC-SHA256 with key 0b…0b (32 bytes) over "01000000001", computed with another implementation.
        let subject = SubjectHash::new(&key(0x0b)).subject(&Phone::parse("01000000001").unwrap());
        assert_eq!(subject.to_string(), "a658585018f6affbd9079e54056ee239");
    }
}
