//! Whether two things are equal: verification, proofs, audit and repair.

pub mod audit;
pub mod verify;
