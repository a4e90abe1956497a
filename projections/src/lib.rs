//! The read side: two views of one log, the engine that keeps them up, their rebuild and comparison, and the router
//! that says which of them answers whom.
//!
//! Data flows one way: the log → `effect` → `fold` → rows of a generation → [`query`]. Nothing here appends to the log
//! or causes anything outside the views' tables: a replay must not be able to send, book or change anything.

pub mod audit;
mod checklist;
pub mod contacts;
mod copy;
mod effect;
mod engine;
mod error;
mod fact;
#[cfg(test)]
mod fingerprint;
mod fold;
mod gates;
pub mod generation;
mod interpret;
mod lag;
pub mod leader;
pub mod migration;
mod moment;
pub mod parked;
mod projector;
pub mod query;
mod rebuild;
mod retirement;
mod router;
mod row;
pub mod runbook;
pub mod shadow;
mod store;
mod tables;
mod verify;
mod views;
pub mod watch;

pub use audit::Auditor;
pub use checklist::{Checklist, ItemDone, checklist};
pub use effect::ERASED;
pub use engine::{Batch, Batches, Engine};
pub use error::{EventFault, ViewError};
pub use fact::{Digest, FOLD_VERSION};
pub use gates::{
    Criterion, GateSettings, Gates, ItemRecord, Measured, PhaseMeasured, RunbookPhase, SoakTimes, StageEntry,
    StageHistory, UnknownPhase,
};
pub use generation::{Generation, GenerationState, GenerationStatus, InvalidGeneration};
pub use lag::{Lag, LagRule, MAX_COUNTED_LAG, ViewHealth};
pub use leader::{Epoch, Leader, Process, Role};
pub use migration::Migration;
pub use moment::{DatabaseSummary, Held, Snapshot};
pub use rebuild::{
    DEFAULT_MEMORY_BYTES, Failing, Failings, InvalidName, KEEP, LEAST_MEMORY_BYTES, Listener, MAX_FAILINGS,
    Name, PastReport, Phase, Progress, Rebuild, RebuildReport, Trial, TrialView, Until,
};
pub use retirement::{
    Examined, Patience, Rebuilt, RestorationProof, Retirement, RetirementFault, RetirementRecord, Steps,
    records as retirements,
};
pub use router::{Route, Router};
pub use verify::{
    Checked, CheckedDetails, CheckedView, Comparison, Days, Declared, Difference, DifferingField, MAX_DAYS,
    MAX_DIFFERENCES, Mode, Proof, ProofDay, ProofError, ProofView, SideValue, Verdict, WrittenBy,
    check_proof, compare, prove, verify,
};
pub use views::{Serving, Views};

/// An error with its causes, on one line.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
