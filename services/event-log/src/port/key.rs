//! Keys that a log keeps together with the events that were sealed with them. What is in them is the vault's to know.

use std::fmt;

use bytes::Bytes;
use daybook_domain::{KeyId, SubjectId};

/// A key that is to be on disk no later than what was sealed with it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What sealed texts name it by.
    pub id: KeyId,
    /// Whose it is.
    pub subject: SubjectId,
    /// The key as it is kept, wrapped by the master key.
    pub wrapped: Bytes,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NewKey({})", self.id.0)
    }
}
