//! The plan to a stage: steps, gates, moved patients, known differences, and the way back.

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

/// The plan to a stage.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub at: Stage,
    /// Percentage of subjects whose reads the dynamic view answers now.
    pub dynamic_percent: f64,
    pub to: Stage,
    /// The steps in order; none if the stage is current.
    pub steps: Vec<PlannedStep>,
    /// Patients whom all steps together move to the other view.
    pub people: MovedPatients,
    /// None while the legacy view is retired.
    pub mismatches: Option<Mismatches>,
    /// Reservations by what the legacy view could show of them after a rollback.
    pub declared: Declared,
    /// Commands that undo the plan, the nearest stage first.
    pub way_back: Vec<String>,
}

/// One step of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStep {
    pub stage: Stage,
    /// Percentage of subjects whose reads the dynamic view answers then.
    pub dynamic_percent: f64,
    pub command: String,
    /// Soak time of the stage before, in seconds; none if it has none.
    pub soak_seconds: Option<u64>,
    /// Empty for a rollback.
    pub gates: Vec<Gate>,
    /// Only for the next step, since later gates depend on the steps before them.
    pub measured: Option<NextStage>,
}

/// Known differences between the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mismatches {
    /// Position at which the digests of all days were compared.
    pub position: Position,
    pub differing_days: u64,
    pub differing_reservations: u64,
    /// Fields that differed in shadow reads since the stage began.
    pub shadow_differences: u64,
}

impl Migration {
    /// Plans the steps to a stage, forward or back; without a stage, to the next one. An engine must apply events meanwhile,
    /// since the views are compared at one position.
    ///
    /// # Errors
    /// The log or the views cannot be read.
    pub async fn plan(&self, to: Option<Stage>, now: DateTime<Utc>) -> Result<Plan, ViewError> {
        let (history, _) = read_history(&*self.log).await?;
        let routing = &history.routing;
        let at = routing.stage;
        let to = to.or(at.next()).unwrap_or(at);
        let client = self.pool.get().await?;
        let dynamic = generation::serving(&client, ReadModel::Dynamic).await?;
        let steps = if to < at { vec![step_back(to)] } else { self.steps(at, to, now).await? };
        Ok(Plan {
            at,
            dynamic_percent: routing.share.as_percent(),
            to,
            steps,
            people: patients::moved(&client, dynamic, routing, &routing_in(routing, to)).await?,
            mismatches: self.mismatches(&client, routing, history.since()).await?,
            declared: patients::declared(&client, dynamic).await?,
            way_back: way_back(at, to),
        })
    }

    async fn steps(&self, at: Stage, to: Stage, now: DateTime<Utc>) -> Result<Vec<PlannedStep>, ViewError> {
        let mut steps: Vec<PlannedStep> = vec![];
        for stage in stages_between(at, to) {
            let before = steps.last().map_or(at, |step| step.stage);
            let measured = if steps.is_empty() { Some(self.next_stage(stage, now).await?) } else { None };
            steps.push(PlannedStep {
                stage,
                dynamic_percent: stage.share().as_percent(),
                command: advance(stage),
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

/// The routing in the planned stage. A retired legacy view is restored by then, except in the retired stage.
fn routing_in(routing: &Routing, to: Stage) -> Routing {
    let restored =
        Routing { retired: routing.retired.clone().filter(|_| to == Stage::Retired), ..routing.clone() };
    restored.in_stage(to)
}

/// Every earlier stage is one rollback away.
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

/// The stages after the first one, up to and including the second.
fn stages_between(from: Stage, to: Stage) -> impl Iterator<Item = Stage> {
    Stage::ALL.into_iter().filter(move |stage| from < *stage && *stage <= to)
}

fn advance(to: Stage) -> String {
    format!("daybook migrate advance --to {to}")
}

fn rollback(to: Stage) -> String {
    let target = if to == Stage::Legacy { String::new() } else { format!(" --to {to}") };
    format!("daybook migrate rollback{target} --reason TEXT")
}

/// Back to the current stage and to legacy; after a rollback, forward again stage by stage.
fn way_back(at: Stage, to: Stage) -> Vec<String> {
    if to < at {
        return stages_between(to, at).map(advance).collect();
    }
    let mut stages = vec![at, Stage::Legacy];
    stages.dedup();
    stages.retain(|stage| *stage < to);
    stages.into_iter().map(rollback).collect()
}
