//! SQL that writes rows, tables and checkpoints.

pub mod copy;
pub mod rows;
pub mod runbook_schema;
pub mod tables;
