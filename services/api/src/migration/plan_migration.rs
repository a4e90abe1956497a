//! `GET /api/admin/migration/plan?to=`

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::routing::{Gate, Stage};
use daybook_event_log::Position;
use daybook_migration::rollout::{Mismatches, MovedPatients, Plan, PlannedStep};
use daybook_projections::compare::verify::Declared;
use serde::Serialize;

use super::body::Next;
use crate::problem::{Code, Problem};
use crate::request::form::Form;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    success: bool,
    at: Stage,
    dynamic_percentage: f64,
    to: Stage,
    steps: Vec<Step>,
    #[serde(with = "PatientKeys")]
    people: MovedPatients,
    /// None while the legacy view is retired.
    mismatches: Option<ShownMismatches>,
    #[serde(with = "DeclaredKeys")]
    declared: Declared,
    way_back: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    stage: Stage,
    dynamic_percentage: f64,
    command: String,
    soak_seconds: Option<u64>,
    gates: Vec<Gate>,
    measured: Option<Next>,
}

#[derive(Serialize)]
#[serde(remote = "MovedPatients", rename_all = "camelCase")]
struct PatientKeys {
    known: u64,
    moved: u64,
    #[serde(rename = "movedPercentage")]
    moved_percent: f64,
}

#[derive(Serialize)]
#[serde(transparent)]
struct ShownMismatches(#[serde(with = "MismatchKeys")] Mismatches);

#[derive(Serialize)]
#[serde(remote = "Mismatches", rename_all = "camelCase")]
struct MismatchKeys {
    position: Position,
    differing_days: u64,
    differing_reservations: u64,
    shadow_differences: u64,
}

#[derive(Serialize)]
#[serde(remote = "Declared", rename_all = "camelCase")]
struct DeclaredKeys {
    exact: u64,
    service_without_enum_value: u64,
    period_without_time: u64,
    time_under_review: u64,
}

/// Responds with the steps to a stage and back; to the next stage if the request names none.
pub(super) async fn plan_migration(
    state: web::Data<State>,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Rollout)?;
    let mut form = Form::from_query(&request)?;
    let to = form.parsed("to", Code::InvalidStage, None, Stage::parse);
    form.finish_ignoring_unknown()?;
    let plan = state.migration.workflows.migration().plan(to, state.clock.now()).await?;
    response::json(&Body::from(plan))
}

impl From<Plan> for Body {
    fn from(plan: Plan) -> Self {
        let Plan { at, dynamic_percent, to, steps, people, mismatches, declared, way_back } = plan;
        let (steps, mismatches) =
            (steps.into_iter().map(Step::from).collect(), mismatches.map(ShownMismatches));
        let dynamic_percentage = dynamic_percent;
        Self { success: true, at, dynamic_percentage, to, steps, people, mismatches, declared, way_back }
    }
}

impl From<PlannedStep> for Step {
    fn from(step: PlannedStep) -> Self {
        let PlannedStep { stage, dynamic_percent, command, soak_seconds, gates, measured } = step;
        let measured = measured.map(Next::from);
        Self { stage, dynamic_percentage: dynamic_percent, command, soak_seconds, gates, measured }
    }
}
