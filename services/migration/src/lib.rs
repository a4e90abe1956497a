//! The migration from the old system: everything that can be deleted once the legacy view is retired for good.
//!
//! It depends on the write side and the read side; HTTP and the command line depend on it. It imports the old
//! system's data, measures the gates before each stage, compares sampled reads of both views, rolls reads back when a
//! limit is exceeded, retires and restores the legacy view, and rehearses all of it on a copy of the log.
//!
//! It must never hold a rule that the service needs without it: the domain keeps the events of the rollout, because old
//! logs contain them.

mod error;
pub mod gates;
pub mod guardrails;
pub mod legacy;
pub mod rehearsal;
pub mod retirement;
pub mod rollout;
pub mod runbook;
pub mod shadow;
pub mod workflow;

pub use error::MigrationError;
pub use gates::{
    Criterion, GateSettings, Gates, Measured, PhaseMeasured, RunbookPhase, SoakTimes, UnknownPhase,
};
pub use guardrails::read_stats;
pub use legacy::{import, review};
pub use retirement::{
    Examined, Patience, Rebuilt, RestorationProof, Retirement, RetirementRecord, RetirementSteps,
    records as retirements,
};
pub use rollout::Migration;
pub use runbook::checklist::{Checklist, ItemDone, checklist};
pub use runbook::contacts;
pub use workflow::Workflows;
