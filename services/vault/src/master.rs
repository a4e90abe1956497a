//! The master key, which wraps all other keys, and the trait that allows another place for it.

use std::fmt;

use async_trait::async_trait;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use daybook_domain::KeyId;

use crate::crypto::{DataKey, KEY_BYTES};
use crate::error::{InvalidMasterKey, KeyProviderError};

/// A key as it is stored: only its provider can unwrap it.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey(pub Bytes);

impl fmt::Debug for WrappedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WrappedKey({} bytes)", self.0.len())
    }
}

/// Holds the master key: in this process, or in a key management service.
///
/// Keys come in batches, so that a service is called once per batch. Results have the order of the arguments.
#[async_trait]
pub trait KeyProvider: Send + Sync + 'static {
    /// Wraps keys, each bound to its id.
    async fn wrap(&self, keys: &[(KeyId, DataKey)]) -> Result<Vec<WrappedKey>, KeyProviderError>;

    /// Unwraps keys. Fails with [`KeyProviderError::WrongMasterKey`] if one was not wrapped under this id.
    async fn unwrap(&self, keys: &[(KeyId, WrappedKey)]) -> Result<Vec<DataKey>, KeyProviderError>;

    /// The key of the hash that turns a phone number into a subject. It must never change.
    fn subject_key(&self) -> DataKey;
}

/// A master key held by this process.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey(DataKey);

/// Both base64 alphabets, with or without padding.
const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: [GeneralPurpose; 2] =
    [GeneralPurpose::new(&alphabet::STANDARD, PADDING), GeneralPurpose::new(&alphabet::URL_SAFE, PADDING)];

impl MasterKey {
    /// Parses 64 hexadecimal digits, or base64 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidMasterKey> {
        let text = text.trim();
        let from_base64 = || BASE64.iter().find_map(|engine| engine.decode(text).ok());
        let bytes = from_hex(text).or_else(from_base64).ok_or(InvalidMasterKey)?;
        Ok(Self(DataKey::from_bytes(bytes.try_into().map_err(|_| InvalidMasterKey)?)))
    }

    /// A new key from the operating system's random source.
    pub fn random() -> Result<Self, getrandom::Error> {
        DataKey::random().map(Self)
    }

    /// The key as 64 hexadecimal digits. Whoever has it can open everything, so store it where nobody else
    /// reads.
    pub fn reveal(&self) -> String {
        self.0.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// 16 hexadecimal digits by which to recognise the key. They do not tell it.
    pub fn fingerprint(&self) -> String {
        let derived = self.0.derive("fingerprint");
        derived.as_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    fn wrapping_key(&self) -> DataKey {
        self.0.derive("wrap")
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * KEY_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(..)")
    }
}

#[async_trait]
impl KeyProvider for MasterKey {
    async fn wrap(&self, keys: &[(KeyId, DataKey)]) -> Result<Vec<WrappedKey>, KeyProviderError> {
        let wrapping = self.wrapping_key();
        let wrap = |(id, key): &(KeyId, DataKey)| wrapping.encrypt(key.as_bytes(), id.0.as_bytes());
        keys.iter()
            .map(wrap)
            .map(|key| key.map(|key| WrappedKey(key.into())).map_err(KeyProviderError::Randomness))
            .collect()
    }

    async fn unwrap(&self, keys: &[(KeyId, WrappedKey)]) -> Result<Vec<DataKey>, KeyProviderError> {
        let wrapping = self.wrapping_key();
        let unwrap = |(id, wrapped): &(KeyId, WrappedKey)| {
            let plain = wrapping.decrypt(&wrapped.0, id.0.as_bytes())?;
            plain.try_into().ok().map(DataKey::from_bytes)
        };
        keys.iter().map(|key| unwrap(key).ok_or(KeyProviderError::WrongMasterKey(key.0))).collect()
    }

    fn subject_key(&self) -> DataKey {
        self.0.derive("subject")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use uuid::Uuid;

    use super::*;

    #[test]
    fn hexadecimal_and_base64_master_keys_are_accepted() {
        let hex = "fb".repeat(32);
        let key = MasterKey::parse(&hex).unwrap();
        let base64 = BASE64[0].encode([0xfb; 32]);
        let url_safe = BASE64[1].encode([0xfb; 32]);
        assert_ne!(base64, url_safe);
        for text in [base64.as_str(), base64.trim_end_matches('='), &url_safe, &format!(" {hex}\n")] {
            assert!(MasterKey::parse(text) == Ok(key.clone()), "{text}");
        }
        assert_eq!(key.reveal(), hex);
    }

    #[test]
    fn texts_that_are_not_master_keys_are_refused() {
        for text in ["", "secret", &"fb".repeat(31), &"fb".repeat(33), &"xy".repeat(32)] {
            assert_eq!(MasterKey::parse(text), Err(InvalidMasterKey), "{text}");
        }
    }

    #[test]
    fn debug_does_not_show_keys() {
        let key = MasterKey::parse(&"fb".repeat(32)).unwrap();
        assert_eq!(format!("{key:?} {:?}", key.subject_key()), "MasterKey(..) DataKey(..)");
    }

    #[tokio::test]
    async fn a_wrapped_key_unwraps_only_with_its_master_key_and_id() {
        let (master, other) = (MasterKey::random().unwrap(), MasterKey::random().unwrap());
        let (id, key) = (KeyId(Uuid::from_u128(1)), DataKey::random().unwrap());
        let wrapped = master.wrap(&[(id, key.clone())]).await.unwrap().remove(0);
        assert_eq!(master.unwrap(&[(id, wrapped.clone())]).await.unwrap(), [key]);
        assert!(other.unwrap(&[(id, wrapped.clone())]).await.is_err());
        assert!(master.unwrap(&[(KeyId(Uuid::from_u128(2)), wrapped)]).await.is_err());
    }
}
