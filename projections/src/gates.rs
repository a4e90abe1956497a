//! Measuring the gates before a stage: what the log and the views say about each.
//!
//! Nothing here lets anybody through: what was measured is decided upon and recorded by the write side. A gate that is not
//! measured is left out, and stays shut.

mod history;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::routing::{Finding, Gate, GateResult, LogPlace, Stage};
use daybook_event_log::EventLog;
use deadpool_postgres::Pool;

use crate::ViewError;
use crate::generation::{self, Standing};

pub use history::{ItemRecord, StageEntry, StageHistory};
pub use settings::{GateSettings, SoakTimes};

/// The gates before a stage as they were measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Where the log was.
    pub position: LogPlace,
    /// What each gate came to.
    pub gates: Vec<GateResult>,
}

/// Measures gates.
#[derive(Debug, Clone)]
pub struct Gates {
    log: Arc<dyn EventLog>,
    pool: Pool,
    settings: GateSettings,
}

impl Gates {
    /// Over a log and the views' database.
    pub fn new(log: Arc<dyn EventLog>, pool: Pool, settings: GateSettings) -> Self {
        Self { log, pool, settings }
    }

    /// Measures the gates before a stage.
    ///
    /// # Errors
    /// When the log or the views cannot be read.
    pub async fn measure(&self, stage: Stage, now: DateTime<Utc>) -> Result<Measured, ViewError> {
        let history = StageHistory::read(&*self.log).await?;
        let head = self.log.head().await?;
        let live = generation::live(&self.pool.get().await?).await?;
        let behind = live.iter().filter(|standing| standing.position < head).count();
        let parked: u64 = live.iter().map(|Standing { parked, .. }| parked).sum();
        let all = [
            judge(Gate::Lag, behind == 0, format!("{behind} views behind"), "0".to_owned()),
            judge(Gate::Parked, parked == 0, format!("{parked} parked events"), "0".to_owned()),
            since(Gate::Soak, history.since, self.settings.soak.of(history.stage), now),
            since(
                Gate::Stability,
                history.last_setback.or(history.switching_since()),
                self.settings.soak.stability,
                now,
            ),
        ];
        let gates = all.into_iter().filter(|result| result.gate.guards(stage)).collect();
        let (commit, prepare) = head.to_parts();
        Ok(Measured { position: LogPlace { commit, prepare }, gates })
    }
}

fn judge(gate: Gate, is_met: bool, found: String, asked: String) -> GateResult {
    let finding = if is_met { Finding::Met } else { Finding::NotMet };
    GateResult { gate, finding, found: found.into(), asked: asked.into() }
}

fn since(gate: Gate, since: Option<DateTime<Utc>>, asked: Duration, now: DateTime<Utc>) -> GateResult {
    let lasted = since.and_then(|since| (now - since).to_std().ok()).unwrap_or_default();
    judge(gate, lasted >= asked, format!("{} s", lasted.as_secs()), format!("{} s", asked.as_secs()))
}
