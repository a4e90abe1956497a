//! The gates of the migration: the conditions of each stage, measured on the log, the views and the read statistics.
//!
//! The domain decides which gates a stage has. All counts come from one snapshot, at one position.
//! Measuring never appends or writes, and no result contains a patient's data. A gate with too little data is inconclusive,
//! which counts as unmet.

mod bookings;
mod figures;
mod live;
mod phases;
mod reference;
mod row_counts;
mod settings;
mod stage_stay;
mod traffic_stats;
mod view_state;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_domain::hours::Hours;
use daybook_domain::routing::{Finding, Gate, GateResult, LogPlace, RolloutHistory, Stage};
use daybook_event_log::{EventLog, Position};
use deadpool_postgres::{Pool, Transaction};
use serde::Serialize;
use tokio::sync::OnceCell;

use daybook_projections::control::generation::{self, GenerationStatus};
use daybook_projections::read::routing::read_history;
use daybook_projections::read::settled::settled_snapshot;
use daybook_projections::{ViewError, parked};
use live::LiveViews;
use row_counts::RowCounts;
use stage_stay::{HistoryGates, StageStay};
use traffic_stats::TrafficStats;

pub use phases::{Criterion, PhaseMeasured, RunbookPhase, UnknownPhase};
pub use settings::{GateSettings, SoakTimes};

/// How long to wait until the views have reached the head, at one position. Under load they are moments behind.
const SETTLE_WAIT: Duration = Duration::from_secs(10);

/// The measured gates of a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The position that the measured views have reached.
    pub position: LogPlace,
    pub gates: Vec<GateResult>,
}

impl Measured {
    /// Whether every gate is met.
    pub fn is_met(&self) -> bool {
        self.gates.iter().all(GateResult::is_met)
    }
}

/// Measures gates.
#[derive(Debug, Clone)]
pub struct Gates {
    log: Arc<dyn EventLog>,
    pool: Pool,
    settings: GateSettings,
}

impl Gates {
    /// Measures on this log and this view database.
    pub fn new(log: Arc<dyn EventLog>, pool: Pool, settings: GateSettings) -> Self {
        Self { log, pool, settings }
    }

    /// Measures all gates before a stage. An engine must apply events meanwhile.
    ///
    /// # Errors
    /// The log or the database cannot be read. An unmet gate is not an error.
    pub async fn measure(&self, stage: Stage, now: DateTime<Utc>) -> Result<Measured, ViewError> {
        let (history, _) = read_history(&*self.log).await?;
        let stay = StageStay::from_history(&history).filter(|stay| stay.stage == stage_stay::before(stage));
        let gates: Vec<Gate> = Gate::before(stage).collect();
        let query = GateQuery { gates: &gates, phase: None, stage, stay, now, history: &history };
        let (position, gates, _) = self.measure_settled(&query).await?;
        Ok(Measured { position, gates })
    }

    /// Waits until the views have settled and measures in that snapshot; if they do not settle in time, measures them as they
    /// are.
    async fn measure_settled(
        &self,
        query: &GateQuery<'_>,
    ) -> Result<(LogPlace, Vec<GateResult>, Vec<Criterion>), ViewError> {
        let mut client = self.pool.get().await?;
        let head = self.log.head().await?;
        let routing = &query.history.routing;
        let choose = |statuses: &[GenerationStatus]| {
            let live = LiveViews::from_statuses(statuses, routing);
            Ok(live.is_settled(head).then_some(live))
        };
        let (snapshot, live) = settled_snapshot(&mut client, SETTLE_WAIT, choose).await?;
        let live = match live {
            Some(live) => live,
            None => LiveViews::from_statuses(&generation::list(&snapshot).await?, routing),
        };
        let position = live.position().unwrap_or(head);
        let hours =
            reference::hours(&*self.log, position, &parked::discarded_events(&snapshot).await?).await?;
        let counts = OnceCell::new();
        let context =
            GateContext { gates: self, snapshot: &snapshot, live: &live, head, hours: &hours, query, counts };
        let criteria = match query.phase {
            Some(phase) => context.criteria(phase).await?,
            None => vec![],
        };
        Ok((position.into(), context.measure().await?, criteria))
    }
}

/// What to measure, and the history of the migration.
#[derive(Debug, Clone, Copy)]
struct GateQuery<'a> {
    gates: &'a [Gate],
    /// The phase whose other criteria are measured too.
    phase: Option<RunbookPhase>,
    /// The stage after the gates.
    stage: Stage,
    /// The stage whose traffic is measured; none if it is not the current one.
    stay: Option<StageStay>,
    now: DateTime<Utc>,
    history: &'a RolloutHistory,
}

/// The snapshot in which everything is measured.
struct GateContext<'a> {
    gates: &'a Gates,
    snapshot: &'a Transaction<'a>,
    live: &'a LiveViews,
    head: Position,
    hours: &'a Hours,
    query: &'a GateQuery<'a>,
    /// Counted once, for the first gate that needs it.
    counts: OnceCell<RowCounts>,
}

impl GateContext<'_> {
    async fn measure(&self) -> Result<Vec<GateResult>, ViewError> {
        let traffic = self.traffic().await?;
        let mut results = Vec::with_capacity(self.query.gates.len());
        for gate in self.query.gates {
            results.push(self.measure_gate(*gate, traffic.as_ref()).await?);
        }
        Ok(results)
    }

    /// Measures a gate by the counts of all rows, which need a live dynamic view.
    async fn counted(
        &self,
        gate: Gate,
        measure: impl FnOnce(&RowCounts) -> GateResult,
    ) -> Result<GateResult, ViewError> {
        if self.live.get(ReadModel::Dynamic).is_none() {
            return Ok(self.not_live(gate, ReadModel::Dynamic));
        }
        self.counts.get_or_try_init(|| RowCounts::take(self.snapshot, self.live)).await.map(measure)
    }

    fn not_live(&self, gate: Gate, model: ReadModel) -> GateResult {
        result(gate, Finding::NotMet, self.live.describe_missing(model), format!("a live {model} view"))
    }

    async fn traffic(&self) -> Result<Option<(StageStay, TrafficStats)>, ViewError> {
        let Some(stay) = self.query.stay else { return Ok(None) };
        Ok(Some((stay, TrafficStats::read(self.snapshot, &stay, self.query.now).await?)))
    }

    async fn measure_gate(
        &self,
        gate: Gate,
        traffic: Option<&(StageStay, TrafficStats)>,
    ) -> Result<GateResult, ViewError> {
        let (settings, live, stage) = (&self.gates.settings, self.live, self.query.stage);
        let GateQuery { history, now, .. } = *self.query;
        let past = HistoryGates { history, now, settings };
        let wrong_stage = || stage_stay::wrong_stage(gate, stage, history);
        Ok(match gate {
            Gate::Services | Gate::Hours if live.get(ReadModel::Dynamic).is_none() => {
                self.not_live(gate, ReadModel::Dynamic)
            }
            Gate::Services => reference::services(self.snapshot, live).await?,
            Gate::Hours => reference::check_hours(self.snapshot, live, self.hours).await?,
            Gate::ServiceFields => self.counted(gate, RowCounts::service_fields).await?,
            Gate::Periods => self.counted(gate, |counts| counts.periods(settings)).await?,
            Gate::PeriodSplit => {
                self.counted(gate, |counts| counts.period_split(self.hours, settings)).await?
            }
            Gate::Mappings | Gate::OldFields if live.get(ReadModel::Legacy).is_none() => {
                self.not_live(gate, ReadModel::Legacy)
            }
            Gate::Mappings => self.counted(gate, RowCounts::mappings).await?,
            Gate::OldFields => self.counted(gate, RowCounts::old_fields).await?,
            Gate::Lag => view_state::lag(live, &*self.gates.log, self.head).await?,
            Gate::Parity => view_state::parity(self.snapshot, live, settings).await?,
            Gate::Parked => view_state::parked(live),
            Gate::Soak => past.soak(stage),
            Gate::Stability => past.stability(),
            Gate::ShadowReads => {
                traffic.map_or_else(wrong_stage, |(stay, stats)| stats.shadow_reads(stay, settings))
            }
            Gate::Errors => traffic.map_or_else(wrong_stage, |(stay, stats)| stats.errors(stay, settings)),
            Gate::CreationRate => match traffic {
                None => wrong_stage(),
                Some(_) if live.get(ReadModel::Dynamic).is_none() => self.not_live(gate, ReadModel::Dynamic),
                Some((stay, _)) => {
                    bookings::creation_rate(self.snapshot, live, stay, (now, settings)).await?
                }
            },
            Gate::Backup => past.backup(stage),
            Gate::Contacts => past.contacts(),
            Gate::Approval => past.approval(),
        })
    }
}

const fn met_if(is_met: bool) -> Finding {
    if is_met { Finding::Met } else { Finding::NotMet }
}

fn result(
    gate: Gate,
    finding: Finding,
    found: impl Into<Box<str>>,
    asked: impl Into<Box<str>>,
) -> GateResult {
    GateResult { gate, finding, found: found.into(), asked: asked.into() }
}
