//! What the way to a stage is: its steps and their gates, who is moved, what is known to differ, and the way back.

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_domain::routing::{Gate, Routing, Stage};
use daybook_event_log::Position;
use deadpool_postgres::GenericClient;
use serde::Serialize;

use super::Migration;
use super::patients::{self, MovedPatients};
use super::status::NextStage;
use daybook_projections::ViewError;
use daybook_projections::compare::verify::{Comparison, Declared, Mode, compare};
use daybook_projections::control::generation;
use daybook_projections::read::routing::read_history;

/// The way to a stage.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Where the migration stands.
    pub at: Stage,
    /// Percentage of subjects that the share gives to the dynamic view now.
    pub dynamic_percent: f64,
    /// Where it is to go.
    pub to: Stage,
    /// The steps there, in their order; none where it is there.
    pub steps: Vec<PlannedStep>,
    /// Patients whom the whole way moves to the other model.
    pub people: MovedPatients,
    /// What is known to differ; none while the legacy view is retired.
    pub mismatches: Option<Mismatches>,
    /// Reservations by what the legacy view could show of them after a way back.
    pub declared: Declared,
    /// Commands of the way back, the nearest stage first.
    pub way_back: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStep {
    /// The stage that it leads to.
    pub stage: Stage,
    /// Percentage of subjects that the dynamic view answers then.
    pub dynamic_percent: f64,
    /// The command that makes it.
    pub command: String,
    /// How long the stage before has to last, in seconds; none where nothing is asked.
    pub soak_seconds: Option<u64>,
    /// The gates before it; none on a way back.
    pub gates: Vec<Gate>,
    /// Its gates as they are now: of the next step only, since the others rest on what is yet to come.
    pub measured: Option<NextStage>,
}

/// What is known to differ between the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mismatches {
    /// Where both were compared, by the digests of their days.
    pub position: Position,
    /// Days on which they differ.
    pub differing_days: u64,
    /// Reservations that differ.
    pub differing_reservations: u64,
    /// Fields that sampled reads found different since the stage began.
    pub shadow_differences: u64,
}

impl Migration {
    /// The way to a stage, forward or back; to the next one where none is named. Somebody has to keep the views up
    /// meanwhile: they are compared at one position.
    ///
    /// # Errors
    /// When the log or the views cannot be read.
    pub async fn plan(&self, to: Option<Stage>, now: DateTime<Utc>) -> Result<Plan, ViewError> {
        let (history, _) = read_history(&*self.log).await?;
        let routing = &history.routing;
        let at = routing.stage;
        let to = to.or(at.next()).unwrap_or(at);
        let client = self.pool.get().await?;
        let live = generation::live(&client).await?;
        let dynamic = live.iter().map(|own| own.generation).find(|own| own.model == ReadModel::Dynamic);
        let dynamic = dynamic.ok_or(ViewError::NotLive { model: ReadModel::Dynamic })?;
        let steps = if to < at { vec![step_back(to)] } else { self.steps(at, to, now).await? };
        Ok(Plan {
            at,
            dynamic_percent: routing.share.as_percent(),
            to,
            steps,
            people: patients::moved(&client, dynamic, routing, &arrived(routing, to)).await?,
            mismatches: self.mismatches(&client, routing, history.since()).await?,
            declared: patients::declared(&client, dynamic).await?,
            way_back: way_back(at, to),
        })
    }

    async fn steps(&self, at: Stage, to: Stage, now: DateTime<Utc>) -> Result<Vec<PlannedStep>, ViewError> {
        let mut steps: Vec<PlannedStep> = vec![];
        let ahead = |stage: &Stage| at < *stage && *stage <= to;
        for stage in Stage::ALL.into_iter().filter(ahead) {
            let before = steps.last().map_or(at, |step| step.stage);
            let measured = if steps.is_empty() { Some(self.next_stage(stage, now).await?) } else { None };
            steps.push(PlannedStep {
                stage,
                dynamic_percent: stage.share().as_percent(),
                command: format!("daybook migrate advance --to {stage}"),
                soak_seconds: self.soak_seconds(before),
                gates: Gate::before(stage).collect(),
                measured,
            });
        }
        Ok(steps)
    }

    async fn mismatches(
        &self,
        client: &impl GenericClient,
        routing: &Routing,
        since: Option<DateTime<Utc>>,
    ) -> Result<Option<Mismatches>, ViewError> {
        if routing.is_retired(ReadModel::Legacy) {
            return Ok(None);
        }
        let quick = Comparison { mode: Mode::Quick, generations: None };
        let verdict = compare(&*self.log, &self.vault, &self.pool, quick).await?;
        let sql =
            "SELECT count(*) FROM control.shadow_differences WHERE $1::timestamptz IS NULL OR found_at >= $1";
        let found: i64 = client.query_one(sql, &[&since]).await?.try_get(0)?;
        Ok(Some(Mismatches {
            position: verdict.position,
            differing_days: verdict.differing_days.total,
            differing_reservations: verdict.differing,
            shadow_differences: found.unsigned_abs(),
        }))
    }
}

/// The routing at the end of the way. A legacy view that is retired is there again by then.
fn arrived(routing: &Routing, to: Stage) -> Routing {
    let restored =
        Routing { retired: routing.retired.clone().filter(|_| to == Stage::Retired), ..routing.clone() };
    restored.in_stage(to)
}

/// From anywhere, any earlier stage is one step away.
fn step_back(to: Stage) -> PlannedStep {
    PlannedStep {
        stage: to,
        dynamic_percent: to.share().as_percent(),
        command: rollback(to),
        soak_seconds: None,
        gates: vec![],
        measured: None,
    }
}

fn rollback(to: Stage) -> String {
    let named = if to == Stage::Legacy { String::new() } else { format!(" --to {to}") };
    format!("daybook migrate rollback{named} --reason TEXT")
}

/// To where the way began, and to the legacy view for everybody. What was gone back from is entered again stage by stage.
fn way_back(at: Stage, to: Stage) -> Vec<String> {
    if to < at {
        let ahead = |stage: &Stage| to < *stage && *stage <= at;
        return Stage::ALL
            .into_iter()
            .filter(ahead)
            .map(|stage| format!("daybook migrate advance --to {stage}"))
            .collect();
    }
    let mut stages = vec![at, Stage::Legacy];
    stages.dedup();
    stages.retain(|stage| *stage < to);
    stages.into_iter().map(rollback).collect()
}
