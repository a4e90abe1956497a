//! SQL that writes rows, tables and checkpoints.

pub mod copy;
pub mod rows;
pub mod tables;
