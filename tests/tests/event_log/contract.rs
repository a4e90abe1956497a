//! What every event log does, whatever keeps it. Each function takes an empty log.

pub(crate) mod append;
pub(crate) mod follow;
pub(crate) mod read;
