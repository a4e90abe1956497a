//! The data of the old system: the import of its reservations, the analysis of an export, and the review of requested times
//! that could not be parsed.
//!
//! Appends only through the write side, and never reads a view.

pub mod import;
pub mod review;
