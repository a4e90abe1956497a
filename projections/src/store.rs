//! SQL that writes rows, tables and checkpoints.

pub(crate) mod copy;
pub mod published_schemas;
pub mod rows;
pub mod runbook_schema;
pub mod tables;
