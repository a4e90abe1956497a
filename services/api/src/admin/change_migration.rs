//! `POST /api/admin/migration`: enters the next stage through its gates, or goes back to an earlier one.
//!
//! The legacy view is taken away and brought back on the command line only: both take as long as the whole log.

use actix_web::{HttpResponse, web};
use daybook_domain::ReadModel;
use daybook_domain::routing::{AdvanceStage, Override, RollBackStage, Routing, RoutingCommand, Stage};
use daybook_projections::rollout::NextStage;
use serde::Deserialize;

use super::migration::Body;
use super::read_model::{optional_reason, required_reason, wait_until_in_force};
use crate::problem::{Code, Details, Problem};
use crate::request::query::required;
use crate::request::{RequestContext, json};
use crate::response;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Deserialize)]
struct Sent {
    action: Option<String>,
    stage: Option<String>,
    reason: Option<String>,
    #[serde(rename = "override")]
    overridden: Option<String>,
    approver: Option<String>,
}

/// Changes the stage, and answers once this process routes by it.
pub(crate) async fn change_migration(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let wanted = wanted(&state, json::read(payload).await?).await?;
    let origin = context.origin(staff.actor(), None);
    let change = state.execute(|commands| async move { commands.change_routing(wanted, origin).await });
    let position = change.await?;
    let routing = state.commands.routing();
    wait_until_in_force(&state, &routing).await;
    let status = state.migration.status(state.clock.now()).await?;
    let in_force = *state.router.routing() == *routing;
    response::recorded(None, position, &Body::of(status, in_force))
}

async fn wanted(state: &State, sent: Sent) -> Result<RoutingCommand, Problem> {
    let stage = sent.stage.as_deref().map(|name| Stage::parse(name.trim()));
    if stage == Some(None) {
        return Err(Problem::field(Code::InvalidStage, "stage"));
    }
    let (routing, stage) = (state.commands.routing(), stage.flatten());
    match required("action", sent.action.as_deref())? {
        "advance" => advance(state, &routing, required("stage", stage)?, sent).await,
        "rollback" => roll_back(&routing, stage.unwrap_or(Stage::Legacy), sent),
        _ => Err(Problem::field(Code::InvalidAction, "action")),
    }
}

async fn advance(
    state: &State,
    routing: &Routing,
    stage: Stage,
    sent: Sent,
) -> Result<RoutingCommand, Problem> {
    let reason = optional_reason("reason", sent.reason)?;
    let approver = optional_reason("approver", sent.approver)?;
    let overridden =
        optional_reason("override", sent.overridden)?.map(|reason| Override { reason, approver });
    if routing.stage != stage {
        routing.check_next(stage)?;
    }
    if stage == Stage::Retired {
        return Err(on_command_line(format!("daybook migrate advance --to {stage}")));
    }
    let measured = state.migration.measure(stage, state.clock.now()).await?;
    let next = NextStage::of(stage, measured.gates);
    let gates: Vec<_> = next.shut().collect();
    if routing.stage != stage && overridden.is_none() && !gates.is_empty() {
        return Err(Problem::with(Code::GatesNotMet, Details::Gates { stage, gates, found: next.gates }));
    }
    let overridden = overridden.filter(|_| !gates.is_empty());
    let NextStage { gates, .. } = next;
    let position = measured.position;
    Ok(RoutingCommand::AdvanceStage(AdvanceStage { stage, position, gates, overridden, reason }))
}

fn roll_back(routing: &Routing, stage: Stage, sent: Sent) -> Result<RoutingCommand, Problem> {
    let reason = required_reason(sent.reason)?;
    if routing.is_retired(ReadModel::Legacy) {
        return Err(on_command_line(format!("daybook migrate rollback --to {stage} --reason TEXT")));
    }
    Ok(RoutingCommand::RollBackStage(RollBackStage { stage, reason }))
}

fn on_command_line(command: String) -> Problem {
    Problem::with(Code::CommandLineOnly, Details::Command { command })
}
