//! A new key that is not stored yet.

use std::fmt;

use daybook_domain::KeyId;

use crate::crypto::DataKey;
use daybook_event_log::NewKey;

/// A new key that is not stored yet. Texts sealed with it can never be opened unless it is stored with them.
#[derive(Clone)]
pub struct FreshKey {
    row: NewKey,
    key: DataKey,
}

impl FreshKey {
    pub(crate) const fn new(row: NewKey, key: DataKey) -> Self {
        Self { row, key }
    }

    /// The wrapped key, to append together with the sealed text.
    pub const fn row(&self) -> &NewKey {
        &self.row
    }

    pub(crate) const fn key(&self) -> &DataKey {
        &self.key
    }

    pub(crate) fn into_live(self) -> (KeyId, DataKey) {
        (self.row.id, self.key)
    }
}

impl fmt::Debug for FreshKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FreshKey({})", self.row.id.0)
    }
}
