//! `POST /api/admin/migration`: enters the next stage through its gates, or rolls back to an earlier one.
//!
//! It runs the workflows of the command line and has no rules of its own. A workflow that takes longer than
//! [`RESPONSE_TIMEOUT`] continues after a 202 response.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{HttpResponse, web};
use daybook_commands::Origin;
use daybook_domain::routing::{Override, Stage};
use daybook_event_log::Position;
use daybook_migration::MigrationError;
use daybook_migration::workflow::{OnProgress, WorkflowProgress};
use daybook_projections::describe;
use serde::Deserialize;

use super::body::Body;
use crate::admin::read_model::{optional_reason, required_reason};
use crate::problem::{Code, Details, FieldFault, Format, Problem};
use crate::request::query::required;
use crate::request::{RequestContext, json};
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
struct ChangeRequest {
    action: Option<String>,
    stage: Option<String>,
    reason: Option<String>,
    #[serde(rename = "override")]
    overridden: Option<String>,
    approver: Option<String>,
}

/// The words for `action`.
const ACTIONS: &str = "advance, rollback";

/// How long a change may take until this process routes by it.
const IN_FORCE_TIMEOUT: Duration = Duration::from_secs(1);

enum Change {
    Advance { stage: Stage, overridden: Option<Override>, reason: Option<Box<str>> },
    RollBack { stage: Stage, reason: Box<str> },
}

/// Advances or rolls back.
pub(super) async fn change_migration(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Rollout)?;
    let change = parse(json::read(payload).await?)?;
    if let Change::Advance { overridden: Some(_), .. } = &change {
        staff.require(Permission::Override)?;
    }
    let origin = context.origin(staff.actor(), None);
    let running = state.spawn(apply(Arc::clone(&state), change, origin));
    let finished = match tokio::time::timeout(RESPONSE_TIMEOUT, running).await {
        Ok(Ok(outcome)) => Some(outcome?),
        Ok(Err(error)) => return Err(Problem::caused(Code::Internal, error)),
        Err(_timeout) => None,
    };
    let status = state.migration.workflows.migration().status(state.clock.now()).await?;
    let in_force = state.router.routing().stage == status.stage;
    let body = Body::new(status, in_force, state.migration.background.get());
    match finished {
        Some(position) => response::recorded(None, position, &body),
        None => response::accepted(&body),
    }
}

fn parse(request: ChangeRequest) -> Result<Change, Problem> {
    // The action comes first: it says which fields the request has.
    let action = required("action", request.action.as_deref())?;
    if !matches!(action, "advance" | "rollback") {
        let fault = FieldFault::new("action", Code::InvalidAction).with_format(Format::OneOf(ACTIONS));
        return Err(fault.into());
    }
    let stage = request.stage.as_deref().map(|name| Stage::parse(name.trim()));
    if stage == Some(None) {
        return Err(Problem::field(Code::InvalidStage, "stage"));
    }
    let stage = stage.flatten();
    match action {
        "advance" => {
            let stage = required("stage", stage)?;
            let reason = optional_reason("reason", request.reason)?;
            let approver = optional_reason("approver", request.approver)?;
            let overridden =
                optional_reason("override", request.overridden)?.map(|reason| Override { reason, approver });
            Ok(Change::Advance { stage, overridden, reason })
        }
        _ => {
            let foreign = [("override", &request.overridden), ("approver", &request.approver)];
            if let Some((name, _)) = foreign.into_iter().find(|(_, text)| text.is_some()) {
                return Err(Problem::unknown(Code::UnknownFields, [name]));
            }
            let reason = required_reason(request.reason)?;
            Ok(Change::RollBack { stage: stage.unwrap_or(Stage::Legacy), reason })
        }
    }
}

/// Runs a workflow and tracks it. Returns the position of the last routing event.
async fn apply(state: Arc<State>, change: Change, origin: Origin) -> Result<Position, Problem> {
    let (action, stage) = match &change {
        Change::Advance { stage, .. } => ("advance", *stage),
        Change::RollBack { stage, .. } => ("rollback", *stage),
    };
    let started = Instant::now();
    let tracker = state.migration.background.begin(action, stage, state.clock.now());
    let report = |progress: WorkflowProgress| tracker.report(progress);
    let outcome = match change {
        Change::Advance { stage, overridden, reason } => {
            advance(&state, stage, overridden, reason, &origin, &report).await
        }
        Change::RollBack { stage, reason } => {
            let workflows = &state.migration.workflows;
            let rolled_back = workflows.roll_back(stage, &reason, &state.router, &origin, &report).await;
            rolled_back.map(|rolled_back| rolled_back.position).map_err(Problem::from)
        }
    };
    let unreported = outcome.as_ref().err().filter(|_| started.elapsed() >= RESPONSE_TIMEOUT);
    tracker.end(unreported.map(|problem| describe(problem)));
    outcome
}

async fn advance(
    state: &State,
    stage: Stage,
    overridden: Option<Override>,
    reason: Option<Box<str>>,
    origin: &Origin,
    progress: OnProgress<'_>,
) -> Result<Position, Problem> {
    let workflows = &state.migration.workflows;
    let proposed = workflows.propose_advance(Some(stage), overridden).await?;
    if let Some(next) = proposed.next.clone().filter(|_| proposed.is_blocked()) {
        let gates = next.unmet().collect();
        return Err(Problem::with(Code::GatesNotMet, Details::Gates { stage, gates, found: next.gates }));
    }
    let advanced = workflows.advance(proposed, reason, origin, progress).await?;
    let position = match advanced.position {
        Some(position) => position,
        None => last_position(state)?,
    };
    // The change stands even if this process does not route by it yet; the response says whether it does.
    let _ = state.router.wait_until_in_force(position, IN_FORCE_TIMEOUT).await;
    Ok(position)
}

/// Position of the last routing event that this process has applied.
fn last_position(state: &State) -> Result<Position, Problem> {
    let place = state.router.history().place;
    Position::try_from(place).map_err(|error| Problem::caused(Code::Internal, error))
}

impl From<MigrationError> for Problem {
    fn from(error: MigrationError) -> Self {
        match error {
            MigrationError::View(error) => error.into(),
            MigrationError::Command(error) => error.into(),
            MigrationError::Parked { .. }
            | MigrationError::ViewsDiffer { .. }
            | MigrationError::NotRetired
            | MigrationError::NotCompared
            | MigrationError::NotAsRetired { .. } => Self::retirement_refused(&error),
        }
    }
}
