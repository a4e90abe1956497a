//! A key that was made and is not on disk yet.

use std::fmt;

use daybook_domain::KeyId;

use super::crypto::DataKey;
use crate::port::NewKey;

/// A key that was made and is not on disk yet. What is sealed with it is lost unless the key is kept with it.
#[derive(Clone)]
pub struct FreshKey {
    row: NewKey,
    key: DataKey,
}

impl FreshKey {
    pub(super) const fn new(row: NewKey, key: DataKey) -> Self {
        Self { row, key }
    }

    /// The key as it is kept.
    pub const fn row(&self) -> &NewKey {
        &self.row
    }

    pub(super) const fn key(&self) -> &DataKey {
        &self.key
    }

    pub(super) fn into_live(self) -> (KeyId, DataKey) {
        (self.row.id, self.key)
    }
}

impl fmt::Debug for FreshKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FreshKey({})", self.row.id.0)
    }
}
