//! `PUT|PATCH /api/admin/service-limits`: sets the daily limit of a service.

use actix_web::{HttpResponse, web};
use daybook_commands::ChangeOutcome;
use daybook_domain::catalog::{CatalogCommand, LimitChange};
use daybook_domain::rules::impact;
use daybook_domain::{ServiceId, value};
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
    let services = state.commands.catalog();
    let named = form.either("serviceId", "serviceType", |one, other| services.is_same(one, other));
    let (field, id_or_code) = required("serviceId", named)?;
    let id = catalog::named_service(&services, (field, &id_or_code))?.id.clone();
    let command = CatalogCommand::ChangeServiceLimit(limit_change(form, id.clone())?);
    let ChangeOutcome { position, before, after, .. } =
        catalog::execute(&state, &context, &staff, command).await?;
    let (Some(old), Some(new)) = (before.get(&id), after.get(&id)) else {
        return Err(Problem::field(Code::ServiceNotFound, field));
    };
    let limit = ServiceLimitResponse::new(&after, new);
    let changes = catalog::field_changes(&ServiceLimitResponse::new(&before, old), &limit);
    let concerned = state.days_after(position).await.map(|days| {
        Concerned::in_days(&days, |schedule, _, booking| {
            let is_open = booking.status.is_open() && booking.service == id;
            is_open && impact::is_over_limit(schedule, old, new)
        })
    });
    let body = SetServiceLimitResponse { success: true, limit, changes, affected: concerned.into() };
    response::recorded(None, position, &body)
}

fn limit_change(mut form: Form, service: ServiceId) -> Result<LimitChange, Problem> {
    form.keep(&["dailyLimit", "isActive"]);
    let removes_minutes = form.removes("dailyLimitMinutes");
    let daily_limit = form.number("dailyLimit", value::DAILY_LIMIT);
    let minutes = form.number("dailyLimitMinutes", value::DAILY_LIMIT_MINUTES);
    let change = LimitChange {
        service,
        daily_limit,
        daily_limit_minutes: (removes_minutes || minutes.is_some()).then_some(minutes),
        is_active: form.flag("isActive"),
        reason: form.text("reason", value::DESCRIPTION),
    };
    form.finish()?;
    if change == LimitChange::none(change.service.clone()) {
        return Err(Problem::new(Code::NothingToChange));
    }
    Ok(change)
}
