//! The right to be forgotten, as far as the domain knows of it: that it was exercised.

use serde::{Deserialize, Serialize};

use crate::id::SubjectId;
use crate::sealed::KeyId;

/// What can happen to a subject's keys.
#[derive(Debug, Clone, PartialEq)]
pub enum PrivacyEvent {
    /// A subject's details are to be unreadable from here on.
    SubjectForgotten(SubjectForgotten),
}

/// The keys of a subject are destroyed. Whatever was or will be sealed with them reads as erased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectForgotten {
    /// Whose details.
    pub subject: SubjectId,
    /// The keys that are destroyed.
    pub keys: Vec<KeyId>,
}
