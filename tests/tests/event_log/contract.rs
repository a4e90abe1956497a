//! The contract of every event log, independent of its storage. Each function takes an empty log.

pub(crate) mod append;
pub(crate) mod follow;
pub(crate) mod read;
