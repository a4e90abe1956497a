//! Where the migration stands, and what its next step would do: as data, for the command line and for HTTP alike.
//!
//! What is told rests on the log for the stages and on the views for what they hold. Nothing here decides whether a stage
//! may be entered, and nothing holds a word of a patient: subjects are counted and never named.

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

/// Looks at the migration.
#[derive(Debug, Clone)]
pub struct Migration {
    log: Arc<dyn EventLog>,
    vault: Vault,
    pool: Pool,
    soak: SoakTimes,
    gates: Gates,
}

impl Migration {
    /// Over a log and the views' database.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool, settings: GateSettings) -> Self {
        let soak = settings.soak;
        let gates = Gates::new(Arc::clone(&log), pool.clone(), settings);
        Self { log, vault, pool, soak, gates }
    }

    /// Measures the gates before a stage.
    ///
    /// # Errors
    /// When the log or the views cannot be read.
    pub async fn measure(&self, stage: Stage, now: DateTime<Utc>) -> Result<Measured, ViewError> {
        self.gates.measure(stage, now).await
    }

    /// How long a stage has to last before the next one may be entered, in seconds; none where nothing is asked.
    fn soak_seconds(&self, stage: Stage) -> Option<u64> {
        let asked = self.soak.of(stage);
        (!asked.is_zero()).then_some(asked.as_secs())
    }
}
