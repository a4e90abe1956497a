//! `POST /api/admin/read-model`: sets the rollout percentage, or rolls all reads back. Both need a reason, which is
//! recorded. Raising the percentage asks no gate, so it needs the permission to override them.

use actix_web::{HttpResponse, web};
use daybook_domain::routing::{DynamicShareSet, ReadsRolledBack, RolloutPercentage, Routing, RoutingCommand};
use daybook_domain::value;

use super::read_model::{ReadModelResponse, wait_until_in_force};
use crate::problem::{Code, FieldFault, Format, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::request::query::required;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

/// The words for `action`.
const ACTIONS: &str = "set, rollback";

/// What a request does to the routing.
#[derive(Clone, Copy)]
enum Action {
    Set,
    RollBack,
}

impl Action {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "set" => Some(Self::Set),
            "rollback" => Some(Self::RollBack),
            _ => None,
        }
    }
}

/// Changes the routing. Responds once this process applies the change.
pub(crate) async fn set_read_model(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Rollout)?;
    let (command, origin) = (command(Form::read(payload).await?)?, context.origin(staff.actor(), None));
    if raises(&command, &state.commands.routing()) {
        staff.require(Permission::Override)?;
    }
    let change = state.execute(|commands| async move { commands.change_routing(command, origin).await });
    let position = change.await?;
    let routing = state.commands.routing();
    wait_until_in_force(&state, &routing).await;
    response::recorded(None, position, &ReadModelResponse::read(&state, &routing).await)
}

fn raises(command: &RoutingCommand, routing: &Routing) -> bool {
    let present = if routing.rolled_back { RolloutPercentage::NONE } else { routing.share };
    matches!(command, RoutingCommand::SetDynamicShare(DynamicShareSet { share, .. }) if *share > present)
}

/// The action comes first: it says which fields the request has.
fn command(mut form: Form) -> Result<RoutingCommand, Problem> {
    let action = required("action", form.string("action"))?;
    let unknown = || FieldFault::new("action", Code::InvalidAction).with_format(Format::OneOf(ACTIONS));
    let action = Action::parse(action.trim()).ok_or_else(unknown)?;
    let share = match action {
        Action::Set => {
            let share = form.percentage("dynamicPercentage");
            form.required("dynamicPercentage", share)
        }
        Action::RollBack => None,
    };
    let reason = form.text("reason", value::ROUTING_REASON);
    if reason.is_none() && !form.is_wrong("reason") {
        form.fault("reason", Code::ReasonRequired, Some(value::ROUTING_REASON.range()));
    }
    form.finish()?;
    let reason = reason.ok_or_else(|| Problem::reason_required(value::ROUTING_REASON))?;
    Ok(match action {
        Action::Set => {
            let share = required("dynamicPercentage", share)?;
            RoutingCommand::SetDynamicShare(DynamicShareSet { share, reason })
        }
        Action::RollBack => RoutingCommand::RollBackReads(ReadsRolledBack { reason }),
    })
}
