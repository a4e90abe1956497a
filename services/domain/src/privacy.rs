//! The record of forgotten patients. It holds ids only; destroying the keys is the vault's work.

use serde::{Deserialize, Serialize};

use crate::id::SubjectId;
use crate::sealed::KeyId;

/// An event of the stream `privacy-main`.
#[derive(Debug, Clone, PartialEq)]
pub enum PrivacyEvent {
    /// A subject's keys are destroyed.
    SubjectForgotten(SubjectForgotten),
}

/// The keys of a subject are destroyed, so everything sealed with them reads as erased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectForgotten {
    pub subject: SubjectId,
    pub keys: Vec<KeyId>,
}
