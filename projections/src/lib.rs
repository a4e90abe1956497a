//! The read side: two views of one log, the engine that keeps them up, their rebuild and comparison, and the router
//! that says which of them answers whom.
//!
//! Data flows one way: the log → `effect` → `fold` → rows of a generation → [`query`]. Nothing here appends to the log
//! or causes anything outside the views' tables: a replay must not be able to send, book or change anything.

pub mod compare;
pub mod control;
pub mod live;
pub mod projection;
pub mod read;
pub mod rebuild;
pub mod store;

pub use compare::audit::{self, Auditor};
pub use compare::verify::{
    Checked, CheckedDetails, CheckedView, Comparison, Days, Declared, Difference, DifferingField, MAX_DAYS,
    MAX_DIFFERENCES, Mode, Proof, ProofDay, ProofError, ProofView, SideValue, Verdict, WrittenBy,
    check_proof, compare, prove, verify,
};
pub use control::error::{EventFault, ViewError};
pub use control::generation::{self, Generation, GenerationState, GenerationStatus, InvalidGeneration};
pub use control::leader::{self, Epoch, Leader, Process, Role};
pub use live::engine::{Batch, Batches, Engine};
pub use live::parked;
pub use projection::canonical::{Digest, FOLD_VERSION};
pub use projection::change::ERASED;
pub use read::lag::{Lag, LagRule, MAX_COUNTED_LAG, ViewHealth};
pub use read::query;
pub use read::question::Question;
pub use read::router::{Route, Router};
pub use read::snapshot::{DatabaseSummary, Held, Snapshot};
pub use read::views::{Serving, Views};
pub use rebuild::{
    DEFAULT_MEMORY_BYTES, Failing, Failings, InvalidName, KEEP, LEAST_MEMORY_BYTES, Listener, MAX_FAILINGS,
    Name, PastReport, Phase, Progress, Rebuild, RebuildReport, Trial, TrialView, Until,
};
pub use store::runbook_schema;

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
