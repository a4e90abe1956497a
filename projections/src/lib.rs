//! The read side: two views of one log, the engine that keeps them up, their rebuild and comparison, and the router
//! that says which of them answers whom.
//!
//! Its folders stand in one order: `control`, `projection`, `store`, `read`, `live`, `rebuild`, `compare`. Each uses those
//! before it and none after it. Nothing here appends to the log or causes anything outside the views' tables: a replay must
//! not be able to send, book or change anything.

pub mod compare;
pub mod control;
pub mod live;
pub mod projection;
pub mod read;
pub mod rebuild;
pub mod store;

pub use compare::audit::{self, Auditor};
pub use compare::verify::{
    Checked, CheckedDetails, CheckedView, Comparison, Days, Declared, Difference, DifferingField,
    GenerationValue, MAX_DAYS, MAX_DIFFERENCES, Mode, Proof, ProofDay, ProofError, ProofView, Verdict,
    WrittenBy, check_proof, compare, prove, verify,
};
pub use control::clock::{ClockDifference, MAX_CLOCK_DIFFERENCE};
pub use control::error::{EventFault, ViewError, describe};
pub use control::generation::{self, GenerationStatus};
pub use control::ids::{
    BlockingKey, Epoch, EventPlace, FOLD_VERSION, Generation, GenerationState, InvalidGeneration,
    SkippedPositions,
};
pub use control::leader::{self, Leader, Process, Role};
pub use control::write_failure::WriteFailure;
pub use live::engine::{Batch, Batches, Engine};
pub use live::parked;
pub use projection::canonical::Digest;
pub use projection::change::{ERASED, changes_views};
pub use read::lag::{Lag, LagRule, MAX_COUNTED_LAG, ViewHealth};
pub use read::query;
pub use read::question::Question;
pub use read::router::{Route, Router};
pub use read::snapshot::{DatabaseSummary, Snapshot, ViewSummary};
pub use read::views::{Serving, Views};
pub use rebuild::{
    DEFAULT_MEMORY_BYTES, DiscardReport, DryRun, DryRunView, ErasureReport, FailingEvent, FailingEvents,
    GenerationName, InvalidGenerationName, KEEP, LEAST_MEMORY_BYTES, Listener, MAX_FAILING_EVENTS,
    PastReport, Phase, PointInTime, Progress, Rebuild, RebuildReport, RewriteReport,
};
