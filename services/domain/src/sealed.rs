//! Sealed text: what may be known of a patient's details without the key.
//!
//! The domain carries sealed values from command to event and never opens one. Sealing and opening live with the
//! keys, in the event log's vault.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One subject's sealing key. A subject who was forgotten and books again gets a new key with a new id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub Uuid);

/// A text sealed with a subject's key. Once the key is destroyed it reads as erased, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sealed {
    /// The key it was sealed with.
    pub key: KeyId,
    /// Nonce and ciphertext, base64.
    #[serde(rename = "box")]
    pub ciphertext: Box<str>,
}
