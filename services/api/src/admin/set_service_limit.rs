//! `PUT|PATCH /api/admin/service-limits`: sets the daily limit of a service.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, Service, ServiceLimitSet};
use daybook_domain::rules::impact;
use daybook_domain::value;
use serde::Serialize;

use super::catalog::{self, FieldChange, ServiceLimitResponse};
use crate::concerned::{AffectedBookings, Concerned};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::request::query::required;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

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
    staff.require(Permission::Catalog)?;
    let mut form = Form::read(payload).await?;
    let (by_id, by_code) = (form.string("serviceId"), form.string("serviceType"));
    let id_or_code = required("serviceId", by_id.or(by_code))?;
    let catalog = state.commands.catalog();
    let before = catalog::required_service(&catalog, Some(&id_or_code))?;
    let commands = vec![CatalogCommand::SetServiceLimit(limit(form, before)?)];
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

fn limit(mut form: Form, service: &Service) -> Result<ServiceLimitSet, Problem> {
    form.keep(&["dailyLimit", "isActive"]);
    let removes_minutes = form.removes("dailyLimitMinutes");
    let daily_limit = form.number("dailyLimit", value::DAILY_LIMIT);
    let minutes = form.number("dailyLimitMinutes", value::DAILY_LIMIT_MINUTES);
    let is_active = form.flag("isActive");
    let reason = form.text("reason", value::DESCRIPTION);
    form.finish()?;
    if daily_limit.is_none() && minutes.is_none() && is_active.is_none() && !removes_minutes {
        return Err(Problem::new(Code::NothingToChange));
    }
    let current = service.limit;
    let daily_limit = daily_limit.or(current.map(|limit| limit.daily_limit));
    let kept_minutes = current.and_then(|limit| limit.daily_limit_minutes).filter(|_| !removes_minutes);
    Ok(ServiceLimitSet {
        service: service.id.clone(),
        daily_limit: required("dailyLimit", daily_limit)?,
        daily_limit_minutes: minutes.or(kept_minutes),
        is_active: is_active.or(current.map(|limit| limit.is_active)).unwrap_or(true),
        reason,
    })
}
