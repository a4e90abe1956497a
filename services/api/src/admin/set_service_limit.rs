//! `PUT|PATCH /api/admin/service-limits`: how much of a service a day may hold.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, Service, ServiceLimitSet};
use serde::{Deserialize, Serialize};

use super::catalog::{self, Changed, LimitEntry};
use super::define_service::optional_prose;
use crate::edge::query::required;
use crate::edge::{RequestContext, answer, body, json};
use crate::problem::{Code, Problem};
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    service_id: Option<String>,
    service_type: Option<String>,
    daily_limit: Option<u32>,
    daily_limit_minutes: Option<u32>,
    is_active: Option<bool>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Body {
    success: bool,
    limit: LimitEntry,
    changes: Vec<Changed>,
}

/// Sets the limit of one service. What is not said stays as it is.
pub(crate) async fn set_service_limit(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let sent: Sent = json::typed(&body::read(payload).await?)?;
    let named = required("serviceId", sent.service_id.as_deref().or(sent.service_type.as_deref()))?;
    let catalog = state.commands.catalog();
    let before = catalog::find(&catalog, Some(named))?;
    let wanted = vec![CatalogCommand::SetServiceLimit(wanted(sent, before)?)];
    let position = catalog::carry_out(&state, &edge, &staff, wanted).await?;
    let after = state.commands.catalog();
    let limit = LimitEntry::from(catalog::find(&after, Some(before.id.as_str()))?);
    let changes = catalog::changes(&LimitEntry::from(before), &limit);
    let body = Body { success: true, limit, changes };
    match position {
        Some(position) => answer::recorded(None, position, &body),
        None => answer::plain(&body),
    }
}

fn wanted(sent: Sent, service: &Service) -> Result<ServiceLimitSet, Problem> {
    if sent.daily_limit.is_none() && sent.daily_limit_minutes.is_none() && sent.is_active.is_none() {
        return Err(Problem::of(Code::NothingToChange));
    }
    let current = service.limit;
    let daily_limit = sent.daily_limit.or(current.map(|limit| limit.daily_limit));
    Ok(ServiceLimitSet {
        service: service.id.clone(),
        daily_limit: required("dailyLimit", daily_limit)?,
        daily_limit_minutes: sent.daily_limit_minutes.or(current.and_then(|limit| limit.daily_limit_minutes)),
        is_active: sent.is_active.or(current.map(|limit| limit.is_active)).unwrap_or(true),
        reason: optional_prose("reason", sent.reason)?,
    })
}
