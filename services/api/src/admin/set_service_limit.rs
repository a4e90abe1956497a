//! `PUT|PATCH /api/admin/service-limits`: sets the daily limit of a service.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, Service, ServiceLimitSet};
use serde::{Deserialize, Serialize};

use super::catalog::{self, FieldChange, ServiceLimitResponse};
use super::define_service::MAX_DESCRIPTION;
use crate::problem::{Code, Problem};
use crate::request::query::required;
use crate::request::text::optional_prose;
use crate::request::{RequestContext, json};
use crate::response;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetServiceLimitRequest {
    service_id: Option<String>,
    service_type: Option<String>,
    daily_limit: Option<u32>,
    daily_limit_minutes: Option<u32>,
    is_active: Option<bool>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct SetServiceLimitResponse {
    success: bool,
    limit: ServiceLimitResponse,
    changes: Vec<FieldChange>,
}

/// Sets the limit of one service. A missing field keeps its value.
pub(crate) async fn set_service_limit(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let request: SetServiceLimitRequest = json::read(payload).await?;
    let id_or_code =
        required("serviceId", request.service_id.as_deref().or(request.service_type.as_deref()))?;
    let catalog = state.commands.catalog();
    let before = catalog::required_service(&catalog, Some(id_or_code))?;
    let commands = vec![CatalogCommand::SetServiceLimit(request.into_limit(before)?)];
    let position = catalog::execute(&state, &context, &staff, commands).await?;
    let after = state.commands.catalog();
    let limit = ServiceLimitResponse::from(catalog::required_service(&after, Some(before.id.as_str()))?);
    let changes = catalog::field_changes(&ServiceLimitResponse::from(before), &limit);
    response::recorded(None, position, &SetServiceLimitResponse { success: true, limit, changes })
}

impl SetServiceLimitRequest {
    fn into_limit(self, service: &Service) -> Result<ServiceLimitSet, Problem> {
        if self.daily_limit.is_none() && self.daily_limit_minutes.is_none() && self.is_active.is_none() {
            return Err(Problem::new(Code::NothingToChange));
        }
        let current = service.limit;
        let daily_limit = self.daily_limit.or(current.map(|limit| limit.daily_limit));
        let minutes = self.daily_limit_minutes.or(current.and_then(|limit| limit.daily_limit_minutes));
        Ok(ServiceLimitSet {
            service: service.id.clone(),
            daily_limit: required("dailyLimit", daily_limit)?,
            daily_limit_minutes: minutes,
            is_active: self.is_active.or(current.map(|limit| limit.is_active)).unwrap_or(true),
            reason: optional_prose("reason", self.reason, MAX_DESCRIPTION)?,
        })
    }
}
