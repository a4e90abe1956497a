//! Gates of the migration, measured: what the log, the views and the record of reads say of each condition of a stage.
//!
//! Which gates a stage has is the domain's; whether one that is shut may be passed by, too. All that is counted in the views is
//! counted in one snapshot, at one position. Nothing here appends or writes, and nothing that is found holds a word of a
//! patient. What there is too little of to judge by is inconclusive, and an inconclusive gate is shut.

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

use daybook_projections::ViewError;
use daybook_projections::control::generation::{self, GenerationStatus};
use daybook_projections::read::routing::read_history;
use daybook_projections::read::settled::settled_snapshot;
use live::LiveViews;
use row_counts::RowCounts;
use stage_stay::{HistoryGates, StageStay};
use traffic_stats::TrafficStats;

pub use phases::{Criterion, PhaseMeasured, RunbookPhase, UnknownPhase};
pub use settings::{GateSettings, SoakTimes};

/// How long is waited for the views to hold what the log held, at one position. Under load they are behind by moments.
const SETTLE_WAIT: Duration = Duration::from_secs(10);

/// The gates of a stage as they were measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Up to where the views that were measured hold the log.
    pub position: LogPlace,
    /// Each gate of the stage.
    pub gates: Vec<GateResult>,
}

impl Measured {
    /// Whether every gate lets through.
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
    /// Over a log and the views' database.
    pub fn new(log: Arc<dyn EventLog>, pool: Pool, settings: GateSettings) -> Self {
        Self { log, pool, settings }
    }

    /// Measures all gates before a stage. Somebody has to keep the views up meanwhile.
    ///
    /// # Errors
    /// When the log or the database cannot be read. What is missing or wrong is a finding, not an error.
    pub async fn measure(&self, stage: Stage, now: DateTime<Utc>) -> Result<Measured, ViewError> {
        let (history, _) = read_history(&*self.log).await?;
        let stay = StageStay::of(&history).filter(|stay| stay.stage == stage_stay::before(stage));
        let gates: Vec<Gate> = Gate::before(stage).collect();
        let wanted = GateQuery { gates: &gates, phase: None, stage, stay, now, history: &history };
        let (position, seen) = self.look(&wanted).await?;
        Ok(Measured { position: position.into(), gates: seen.gates })
    }

    /// Waits for the views to settle, and looks in the snapshot that shows them so; or, after a while, as they are.
    async fn look(&self, wanted: &GateQuery<'_>) -> Result<(Position, Findings), ViewError> {
        let mut client = self.pool.get().await?;
        let head = self.log.head().await?;
        let routing = &wanted.history.routing;
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
        let hours = reference::hours(&*self.log, position).await?;
        let look = GateContext { of: self, snapshot: &snapshot, live: &live, head, hours: &hours, wanted };
        Ok((position, look.see().await?))
    }
}

/// What is to be measured, and what the log says of the migration so far.
#[derive(Debug, Clone, Copy)]
struct GateQuery<'a> {
    gates: &'a [Gate],
    /// The phase whose other criteria are wanted as well.
    phase: Option<RunbookPhase>,
    /// The stage before which the gates stand.
    stage: Stage,
    /// The stage that is looked at, where it is the one that holds.
    stay: Option<StageStay>,
    now: DateTime<Utc>,
    history: &'a RolloutHistory,
}

/// What was seen of it.
#[derive(Debug)]
struct Findings {
    gates: Vec<GateResult>,
    others: Vec<Criterion>,
}

/// A look at everything in one snapshot.
struct GateContext<'a> {
    of: &'a Gates,
    snapshot: &'a Transaction<'a>,
    live: &'a LiveViews,
    head: Position,
    hours: &'a Hours,
    wanted: &'a GateQuery<'a>,
}

impl GateContext<'_> {
    async fn see(&self) -> Result<Findings, ViewError> {
        let (census, watched) = (self.census().await?, self.watched().await?);
        let mut gates = Vec::with_capacity(self.wanted.gates.len());
        for gate in self.wanted.gates {
            gates.push(self.gate(*gate, census.as_ref(), watched.as_ref()).await?);
        }
        let others = match self.wanted.phase {
            Some(phase) => self.criteria(phase).await?,
            None => vec![],
        };
        Ok(Findings { gates, others })
    }

    /// The counts of all rows, where a gate goes by them and the dynamic view serves.
    async fn census(&self) -> Result<Option<RowCounts>, ViewError> {
        let counts = [Gate::ServiceFields, Gate::Periods, Gate::PeriodSplit, Gate::Mappings, Gate::OldFields];
        let is_wanted = self.wanted.gates.iter().any(|gate| counts.contains(gate));
        match is_wanted && self.live.of(ReadModel::Dynamic).is_some() {
            true => RowCounts::take(self.snapshot, self.live).await.map(Some),
            false => Ok(None),
        }
    }

    /// What was seen of reads and failures, where the stage that is looked at holds.
    async fn watched(&self) -> Result<Option<(StageStay, TrafficStats)>, ViewError> {
        match self.wanted.stay {
            Some(stay) => {
                let watched = TrafficStats::read(self.snapshot, &stay, self.wanted.now).await?;
                Ok(Some((stay, watched)))
            }
            None => Ok(None),
        }
    }

    async fn gate(
        &self,
        gate: Gate,
        census: Option<&RowCounts>,
        watched: Option<&(StageStay, TrafficStats)>,
    ) -> Result<GateResult, ViewError> {
        let (settings, live, stage) = (&self.of.settings, self.live, self.wanted.stage);
        let GateQuery { history, now, .. } = *self.wanted;
        let past = HistoryGates { history, now, settings };
        let elsewhere = || stage_stay::elsewhere(gate, stage, history);
        let counted = |judge: &dyn Fn(&RowCounts) -> GateResult| match census {
            Some(census) => judge(census),
            None => self.not_there(gate, ReadModel::Dynamic),
        };
        Ok(match gate {
            Gate::Services | Gate::Hours if live.of(ReadModel::Dynamic).is_none() => {
                self.not_there(gate, ReadModel::Dynamic)
            }
            Gate::Services => reference::services(self.snapshot, live).await?,
            Gate::Hours => reference::check_hours(self.snapshot, live, self.hours).await?,
            Gate::ServiceFields => counted(&RowCounts::service_fields),
            Gate::Periods => counted(&|census| census.periods(settings)),
            Gate::PeriodSplit => counted(&|census| census.period_split(self.hours, settings)),
            Gate::Mappings | Gate::OldFields if live.of(ReadModel::Legacy).is_none() => {
                self.not_there(gate, ReadModel::Legacy)
            }
            Gate::Mappings => counted(&RowCounts::mappings),
            Gate::OldFields => counted(&RowCounts::old_fields),
            Gate::Lag => view_state::lag(live, &*self.of.log, self.head).await?,
            Gate::Parity => view_state::parity(self.snapshot, live, settings).await?,
            Gate::Parked => view_state::parked(live),
            Gate::Soak => past.soak(stage),
            Gate::Stability => past.stability(),
            Gate::ShadowReads => {
                watched.map_or_else(elsewhere, |(stay, watched)| watched.shadow_reads(stay, settings))
            }
            Gate::Errors => watched.map_or_else(elsewhere, |(stay, watched)| watched.errors(stay, settings)),
            Gate::CreationRate => match watched {
                None => elsewhere(),
                Some(_) if live.of(ReadModel::Dynamic).is_none() => self.not_there(gate, ReadModel::Dynamic),
                Some((stay, _)) => {
                    bookings::creation_rate(self.snapshot, live, stay, (now, settings)).await?
                }
            },
            Gate::Backup => past.backup(stage),
            Gate::Contacts => past.contacts(),
            Gate::Approval => past.approval(),
        })
    }

    /// What is found where a view does not serve.
    fn not_there(&self, gate: Gate, model: ReadModel) -> GateResult {
        let asked = format!("a {model} view that serves");
        result(gate, Finding::NotMet, self.live.describe_missing(model), asked)
    }
}

fn result(
    gate: Gate,
    finding: Finding,
    found: impl Into<Box<str>>,
    asked: impl Into<Box<str>>,
) -> GateResult {
    GateResult { gate, finding, found: found.into(), asked: asked.into() }
}
