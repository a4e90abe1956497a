//! `PUT|PATCH /api/admin/service-limits`: sets the daily limit of a service.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, Service, ServiceLimitSet};
use daybook_domain::rules::impact;
use serde::{Deserialize, Serialize};

use super::catalog::{self, FieldChange, ServiceLimitResponse};
use super::define_service::MAX_DESCRIPTION;
use crate::concerned::{AffectedBookings, Concerned};
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
    #[serde(default, deserialize_with = "json::given")]
    daily_limit: Option<u32>,
    #[serde(default, deserialize_with = "json::removable")]
    daily_limit_minutes: Option<Option<u32>>,
    #[serde(default, deserialize_with = "json::given")]
    is_active: Option<bool>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct SetServiceLimitResponse {
    success: bool,
    limit: ServiceLimitResponse,
    changes: Vec<FieldChange>,
    /// The open bookings of the days that the new limit makes too full.
    #[serde(flatten)]
    affected: AffectedBookings,
}

/// Sets the limit of one service. A missing field keeps its value, and `dailyLimitMinutes: null` removes that limit.
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
    let service = catalog::required_service(&after, Some(before.id.as_str()))?;
    let limit = ServiceLimitResponse::from(service);
    let changes = catalog::field_changes(&ServiceLimitResponse::from(before), &limit);
    let concerned = state.days_after(position).await.map(|days| {
        Concerned::in_days(&days, |schedule, _, booking| {
            let is_open = booking.status.is_open() && booking.service == service.id;
            is_open && impact::is_over_limit(schedule, before, service)
        })
    });
    let body = SetServiceLimitResponse { success: true, limit, changes, affected: concerned.into() };
    response::recorded(None, position, &body)
}

impl SetServiceLimitRequest {
    fn into_limit(self, service: &Service) -> Result<ServiceLimitSet, Problem> {
        if self.daily_limit.is_none() && self.daily_limit_minutes.is_none() && self.is_active.is_none() {
            return Err(Problem::new(Code::NothingToChange));
        }
        let current = service.limit;
        let daily_limit = self.daily_limit.or(current.map(|limit| limit.daily_limit));
        let current_minutes = current.and_then(|limit| limit.daily_limit_minutes);
        let minutes = self.daily_limit_minutes.unwrap_or(current_minutes);
        Ok(ServiceLimitSet {
            service: service.id.clone(),
            daily_limit: required("dailyLimit", daily_limit)?,
            daily_limit_minutes: minutes,
            is_active: self.is_active.or(current.map(|limit| limit.is_active)).unwrap_or(true),
            reason: optional_prose("reason", self.reason, MAX_DESCRIPTION)?,
        })
    }
}
