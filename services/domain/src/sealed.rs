//! Sealed text: a patient's details, encrypted with a key of their own.
//!
//! The domain passes sealed values from commands to events and never opens them. The vault has the keys.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of a subject's key. A subject who books again after being forgotten gets a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub Uuid);

/// A text sealed with a subject's key. After the key is destroyed, nobody can read it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sealed {
    /// The key that it was sealed with.
    pub key: KeyId,
    /// Nonce and ciphertext in base64.
    #[serde(rename = "box")]
    pub ciphertext: Box<str>,
}
