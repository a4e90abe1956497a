//! `POST /api/admin/read-model`: sets the dynamic share, or rolls all reads back. Each takes a reason, which is recorded.

use actix_web::{HttpResponse, web};
use daybook_domain::routing::{DynamicShareSet, ReadsRolledBack, RolloutPercentage, RoutingCommand};
use serde::Deserialize;

use super::read_model::{Body, required_reason, wait_until_in_force};
use crate::edge::query::required;
use crate::edge::{RequestContext, answer, body, json};
use crate::problem::{Code, Problem};
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    action: Option<String>,
    dynamic_percentage: Option<f64>,
    reason: Option<String>,
}

/// Changes which read model answers whom, and answers once this process routes by it.
pub(crate) async fn set_read_model(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let wanted = wanted(json::typed(&body::read(payload).await?)?)?;
    let (commands, origin) = (state.commands.clone(), edge.origin(staff.actor(), None));
    let changing = async move { commands.change_routing(wanted, origin).await };
    let position = state.carry_out(changing).await?;
    let routing = state.commands.routing();
    wait_until_in_force(&state, &routing).await;
    answer::recorded(None, position, &Body::of(&state, &routing).await)
}

fn wanted(sent: Sent) -> Result<RoutingCommand, Problem> {
    let action = required("action", sent.action)?;
    let reason = required_reason(sent.reason)?;
    match action.as_str() {
        "set" => {
            let percent = required("dynamicPercentage", sent.dynamic_percentage)?;
            let share = RolloutPercentage::from_percent(percent);
            let share = share.map_err(|_| Problem::field(Code::InvalidPercentage, "dynamicPercentage"))?;
            Ok(RoutingCommand::SetDynamicShare(DynamicShareSet { share, reason }))
        }
        "rollback" => Ok(RoutingCommand::RollBackReads(ReadsRolledBack { reason })),
        _ => Err(Problem::field(Code::InvalidAction, "action")),
    }
}
