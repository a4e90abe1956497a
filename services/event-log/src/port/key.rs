//! Keys that a log stores together with the events sealed with them. Only the vault can use them.

use std::fmt;

use bytes::Bytes;
use daybook_domain::{KeyId, SubjectId};

/// A key to store no later than the texts sealed with it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Sealed texts name their key by this id.
    pub id: KeyId,
    /// Owner of the key.
    pub subject: SubjectId,
    /// The key, wrapped with the master key.
    pub wrapped: Bytes,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NewKey({})", self.id.0)
    }
}
