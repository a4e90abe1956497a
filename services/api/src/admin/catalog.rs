//! Services and limits in admin responses, and the execution of catalog commands.

use actix_web::HttpResponse;
use daybook_commands::ChangeOutcome;
use daybook_domain::ServiceId;
use daybook_domain::catalog::{Catalog, CatalogCommand, Limit, Service};
use serde::Serialize;
use serde_json::{Value, json};

use crate::concerned::{Concerned, ConcernedBooking};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::response;
use crate::staff::token::Staff;
use crate::state::State;

/// One service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceResponse {
    id: ServiceId,
    code: Box<str>,
    name: Box<str>,
    name_en: Option<Box<str>>,
    description: Option<Box<str>>,
    category: Option<Box<str>>,
    legacy_service_type: Option<&'static str>,
    duration_minutes: u32,
    buffer_minutes: u32,
    total_minutes: u32,
    base_price: Option<u32>,
    display_order: u32,
    is_active: bool,
}

impl From<&Service> for ServiceResponse {
    fn from(service: &Service) -> Self {
        Self {
            id: service.id.clone(),
            code: service.code.clone(),
            name: service.name.clone(),
            name_en: service.name_en.clone(),
            description: service.description.clone(),
            category: service.category.clone(),
            legacy_service_type: service.legacy.map(daybook_domain::LegacyService::as_str),
            duration_minutes: service.duration,
            buffer_minutes: service.buffer,
            total_minutes: service.total_minutes(),
            base_price: service.base_price,
            display_order: service.display_order,
            is_active: service.is_active,
        }
    }
}

/// The limit of one service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceLimitResponse {
    service_id: ServiceId,
    service_type: Box<str>,
    daily_limit: Option<u32>,
    daily_limit_minutes: Option<u32>,
    is_active: bool,
    /// Why it was set.
    reason: Option<Box<str>>,
}

impl ServiceLimitResponse {
    pub(super) fn new(catalog: &Catalog, service: &Service) -> Self {
        Self {
            service_id: service.id.clone(),
            service_type: service.code.clone(),
            daily_limit: service.limit.map(|limit| limit.daily_limit),
            daily_limit_minutes: service.limit.and_then(|limit: Limit| limit.daily_limit_minutes),
            is_active: service.limit.is_some_and(|limit| limit.is_active),
            reason: catalog.limit_reason(&service.id).map(Into::into),
        }
    }
}

/// A field that a command changed.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct FieldChange {
    field: String,
    from: Value,
    to: Value,
}

/// The fields in which two objects differ, in alphabetical order.
pub(super) fn field_changes(before: &impl Serialize, after: &impl Serialize) -> Vec<FieldChange> {
    let (before, after) = (json!(before), json!(after));
    let change = |(field, to): (&String, &Value)| {
        let from = before.get(field).cloned().unwrap_or(Value::Null);
        (from != *to).then(|| FieldChange { field: field.clone(), from, to: to.clone() })
    };
    after.as_object().into_iter().flatten().filter_map(change).collect()
}

/// The service that a field of the request names by id or by code.
pub(super) fn named_service<'a>(
    catalog: &'a Catalog,
    (field, id_or_code): (&'static str, &str),
) -> Result<&'a Service, Problem> {
    catalog.find(id_or_code.trim()).ok_or_else(|| Problem::field(Code::ServiceNotFound, field))
}

/// Executes a command.
pub(super) async fn execute(
    state: &State,
    context: &RequestContext,
    staff: &Staff,
    command: CatalogCommand,
) -> Result<ChangeOutcome<Catalog>, Problem> {
    let origin = context.origin(staff.actor(), None);
    let change = state.execute(|commands| async move { commands.change_catalog(command, origin).await });
    Ok(change.await?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceChangeResponse {
    success: bool,
    service: ServiceResponse,
    changes: Vec<FieldChange>,
    /// Part of the old system's contract: the open bookings of a service that was switched off. Null while no view has
    /// reached the change.
    cascade_effects: Option<Vec<ConcernedBooking>>,
    /// How many there are, if there are any: the list has an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cascade_effect_count: Option<usize>,
}

/// What a command about one service does to its bookings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It can be booked no more, so its open bookings are listed.
    SwitchesOff,
    None,
}

/// Executes a command about one service and responds with the fields that it changed, from the state that it was decided
/// against. A new service had none.
pub(super) async fn change(
    state: &State,
    context: &RequestContext,
    staff: &Staff,
    id: &ServiceId,
    (command, effect): (CatalogCommand, Effect),
) -> Result<HttpResponse, Problem> {
    let ChangeOutcome { position, before, after, .. } = execute(state, context, staff, command).await?;
    let concerned = match effect {
        Effect::SwitchesOff => state.days_after(position).await.map(|days| {
            Concerned::in_days(&days, |_, _, booking| booking.status.is_open() && booking.service == *id)
        }),
        Effect::None => Some(Concerned::default()),
    };
    let changed = |catalog: &Catalog| catalog.get(id).map(ServiceResponse::from);
    let service = changed(&after).ok_or_else(|| Problem::new(Code::ServiceNotFound))?;
    let changes = match changed(&before) {
        Some(before) => field_changes(&before, &service),
        None => field_changes(&json!({}), &service),
    };
    let (count, cascade_effects) = concerned.map(|Concerned { count, listed }| (count, listed)).unzip();
    let cascade_effect_count = count.filter(|count| *count > 0);
    let body =
        ServiceChangeResponse { success: true, service, changes, cascade_effects, cascade_effect_count };
    response::recorded(None, position, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_changes_list_each_differing_field_with_both_values() {
        let (before, after) = (json!({"a": 1, "b": null, "c": "x"}), json!({"a": 2, "b": null, "c": "x"}));
        let expected = FieldChange { field: "a".to_owned(), from: json!(1), to: json!(2) };
        assert_eq!(field_changes(&before, &after), [expected]);
        assert_eq!(field_changes(&after, &after), []);
    }
}
