//! The checks at the end of the migration's runbook. No check here gives out a word of a patient: numbers, names of columns,
//! plans.

mod closing;
mod performance;
mod plan;

pub use closing::{Closing, Finding, closing};
pub use performance::{Performance, SMALL_TABLE, performance};

pub use crate::store::runbook_schema::{ROLE, exists as is_there};
