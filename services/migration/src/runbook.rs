//! The old system's runbook: its checklist and contacts, and the checks at the end of the migration.
//!
//! No check shows a patient's data: counts, column names and query plans only.

pub mod checklist;
pub(crate) mod closing;
pub mod contacts;
mod performance;
mod query_plan;

pub use closing::{Closing, Finding, closing};
pub use performance::{Performance, SMALL_TABLE, performance};
