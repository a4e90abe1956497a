//! Errors of the vault. No variant holds a key or a plaintext.

use std::sync::Arc;

use daybook_domain::{KeyId, SubjectId};

use daybook_event_log::postgres::PostgresError;

/// Why the vault could not seal, open or erase.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The table of keys cannot be read or written.
    #[error("the keys of patients' details cannot be read or written")]
    Store(#[source] PostgresError),
    #[error("a key could not be wrapped or unwrapped with the master key")]
    Provider(#[source] KeyProviderError),
    /// The database has no key with this id: the log and the keys belong to different databases.
    #[error("key {} is not in this database; restore the log and the keys from the same backup", .0.0)]
    UnknownKey(KeyId),
    /// The text was sealed with another key or for another context, or was changed.
    #[error("a text sealed with key {} does not open: it was changed or moved from another reservation", .0.0)]
    NotAuthentic(KeyId),
    /// The subject's key is not among the fetched ones.
    #[error("the key of subject {0} was not fetched")]
    NotFetched(SubjectId),
    /// The operating system provided no randomness.
    #[error("the operating system provided no randomness")]
    Randomness(#[source] getrandom::Error),
    /// The database holds more keys than one replay may load.
    #[error("the database holds more than {limit} keys, which is the limit of one replay")]
    TooManyKeys {
        /// Upper bound, in keys.
        limit: usize,
    },
    /// The task that creates keys has ended or cannot keep up.
    #[error("keys cannot be created fast enough; try again")]
    Overloaded,
    /// An error that a whole group of requests shares.
    #[error(transparent)]
    Shared(Arc<VaultError>),
}

impl VaultError {
    /// Whether a retry may succeed: the database is unavailable, or key creation cannot keep up.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => !error.is_about_values(),
            Self::Overloaded => true,
            Self::Shared(error) => error.is_transient(),
            Self::Provider(_)
            | Self::UnknownKey(_)
            | Self::NotAuthentic(_)
            | Self::NotFetched(_)
            | Self::Randomness(_)
            | Self::TooManyKeys { .. } => false,
        }
    }
}

impl<E: Into<PostgresError>> From<E> for VaultError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

/// Why a key could not be wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
pub enum KeyProviderError {
    /// The key was wrapped with another master key, or was changed.
    #[error("key {} was wrapped with another master key, or was changed", .0.0)]
    WrongMasterKey(KeyId),
    /// The operating system provided no randomness.
    #[error("the operating system provided no randomness")]
    Randomness(#[source] getrandom::Error),
    /// A provider outside this process failed.
    #[error("the provider of the master key failed")]
    Keeper(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The text is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 bytes: 64 hexadecimal digits, or base64")]
pub struct InvalidMasterKey;
