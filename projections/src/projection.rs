//! What an event does to a row. Pure: no SQL, no clock.

pub mod canonical;
pub mod change;
#[cfg(test)]
pub(crate) mod fingerprint;
pub mod fold;
pub mod interpret;
pub mod row;
