//! What can go wrong in the vault. No variant holds a key or a text.

use std::sync::Arc;

use daybook_domain::{KeyId, SubjectId};

use daybook_event_log::postgres::PostgresError;

/// Why nothing was sealed, opened or forgotten.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The table of keys cannot be read or written.
    #[error("the keys of patients' details cannot be reached")]
    Store(#[source] PostgresError),
    /// The master key's keeper refused.
    #[error("a key cannot be wrapped or unwrapped")]
    Provider(#[source] KeyProviderError),
    /// No key of this id was ever kept here: the log and the keys are not of one database.
    #[error("key {} was never kept here; were the log and the keys restored together?", .0.0)]
    UnknownKey(KeyId),
    /// The text was not sealed with this key for this context, or was tampered with.
    #[error("a text sealed with key {} does not open: it was changed or belongs elsewhere", .0.0)]
    NotAuthentic(KeyId),
    /// The subject has no key among those that were fetched.
    #[error("the key of subject {0} was not fetched")]
    NotFetched(SubjectId),
    /// The machine has no randomness to give.
    #[error("the machine has no randomness to give")]
    Randomness(#[source] getrandom::Error),
    /// More keys than are loaded at once.
    #[error("there are more than {limit} keys")]
    TooManyKeys {
        /// The most that are loaded.
        limit: usize,
    },
    /// The task that makes keys has ended or does not keep up.
    #[error("keys are not made fast enough")]
    Overloaded,
    /// One failure of a group, reported to all in it.
    #[error(transparent)]
    Shared(Arc<VaultError>),
}

impl VaultError {
    /// Whether the same may go well a moment later: the table of keys, or who makes keys, is away or does not keep up.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => !error.is_about_values(),
            Self::Overloaded => true,
            Self::Shared(error) => error.is_passing(),
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

/// Why a key was not wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
pub enum KeyProviderError {
    /// The wrapped key was made with another master key, or was changed.
    #[error("key {} was wrapped with another master key, or was changed", .0.0)]
    WrongMasterKey(KeyId),
    /// The machine has no randomness to give.
    #[error("the machine has no randomness to give")]
    Randomness(#[source] getrandom::Error),
    /// A keeper outside this process failed.
    #[error("the keeper of the master key failed")]
    Keeper(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The text is no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 bytes: 64 hexadecimal digits, or base64")]
pub struct InvalidMasterKey;
