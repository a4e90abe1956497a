//! `POST /api/admin/read-model`: sets the rollout percentage, or rolls all reads back. Both need a reason, which is
//! recorded.

use actix_web::{HttpResponse, web};
use daybook_domain::routing::{DynamicShareSet, ReadsRolledBack, RolloutPercentage, RoutingCommand};
use serde::Deserialize;

use super::read_model::{ReadModelResponse, required_reason, wait_until_in_force};
use crate::problem::{Code, Problem};
use crate::request::query::required;
use crate::request::{RequestContext, json};
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetReadModelRequest {
    action: Option<String>,
    dynamic_percentage: Option<f64>,
    reason: Option<String>,
}

/// Changes the routing. Responds once this process applies the change.
pub(crate) async fn set_read_model(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Rollout)?;
    let request: SetReadModelRequest = json::read(payload).await?;
    let (command, origin) = (request.into_command()?, context.origin(staff.actor(), None));
    let change = state.execute(|commands| async move { commands.change_routing(command, origin).await });
    let position = change.await?;
    let routing = state.commands.routing();
    wait_until_in_force(&state, &routing).await;
    response::recorded(None, position, &ReadModelResponse::read(&state, &routing).await)
}

impl SetReadModelRequest {
    fn into_command(self) -> Result<RoutingCommand, Problem> {
        let action = required("action", self.action)?;
        let reason = required_reason(self.reason)?;
        match action.as_str() {
            "set" => {
                let percent = required("dynamicPercentage", self.dynamic_percentage)?;
                let share = RolloutPercentage::from_percent(percent)
                    .map_err(|_| Problem::field(Code::InvalidPercentage, "dynamicPercentage"))?;
                Ok(RoutingCommand::SetDynamicShare(DynamicShareSet { share, reason }))
            }
            "rollback" if self.dynamic_percentage.is_some() => {
                Err(Problem::unknown(Code::UnknownFields, ["dynamicPercentage"]))
            }
            "rollback" => Ok(RoutingCommand::RollBackReads(ReadsRolledBack { reason })),
            _ => Err(Problem::field(Code::InvalidAction, "action")),
        }
    }
}
