//! The status of the migration and the plan to a stage, as data for the command line and for HTTP.
//!
//! Stages come from the log, counts from the views. Nothing here decides whether a stage may be entered, and nothing contains a
//! patient's data: subjects are only counted.

mod patients;
mod plan;
mod status;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_domain::routing::Stage;
use daybook_event_log::EventLog;
use daybook_vault::Vault;
use deadpool_postgres::Pool;

use crate::gates::{GateSettings, Gates, Measured, SoakTimes};
use daybook_projections::ViewError;

pub use patients::MovedPatients;
pub use plan::{Mismatches, Plan, PlannedStep};
pub use status::{CheckedItem, NextStage, Soak, Status};

/// Reads the status of the migration and plans its next steps.
#[derive(Debug, Clone)]
pub struct Migration {
    log: Arc<dyn EventLog>,
    vault: Vault,
    pool: Pool,
    soak: SoakTimes,
    gates: Gates,
}

impl Migration {
    /// Reads this log and this view database.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool, settings: GateSettings) -> Self {
        let soak = settings.soak;
        let gates = Gates::new(Arc::clone(&log), pool.clone(), settings);
        Self { log, vault, pool, soak, gates }
    }

    /// Measures the gates before a stage.
    ///
    /// # Errors
    /// The log or the views cannot be read.
    pub async fn measure(&self, stage: Stage, now: DateTime<Utc>) -> Result<Measured, ViewError> {
        self.gates.measure(stage, now).await
    }

    /// The soak time of a stage in seconds; none if it has none.
    fn soak_seconds(&self, stage: Stage) -> Option<u64> {
        let required = self.soak.required_in(stage);
        (!required.is_zero()).then_some(required.as_secs())
    }
}
