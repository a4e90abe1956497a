//! Are two things equal? Verification and proofs compare two generations, audit and repair compare a view with the log.
//! It must not promote anything.

pub mod audit;
pub mod verify;
