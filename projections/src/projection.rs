//! What does an event do to a row? Pure functions of events and rows. No SQL and no clock belong here.

pub(crate) mod blocked_keys;
pub mod canonical;
pub mod change;
pub(crate) mod closure;
pub mod day_digests;
#[cfg(test)]
pub(crate) mod fingerprint;
pub(crate) mod fold;
pub(crate) mod histories;
pub(crate) mod interpret;
pub(crate) mod reference;
pub(crate) mod row;
pub(crate) mod storable;
