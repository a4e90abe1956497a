//! SQL that writes: tables, rows, day digests, the schemas that people read. It must not decide what a row contains.

pub(crate) mod copy;
pub mod published_schemas;
pub mod rows;
pub mod runbook_schema;
pub(crate) mod space;
pub mod tables;
