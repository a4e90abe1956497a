//! The old system's data: the import of its reservations, the analysis of an export, and the review of requested times that
//! could not be read.
//!
//! It appends through the write side only, and reads no view.

pub mod import;
pub mod review;
