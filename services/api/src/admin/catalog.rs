//! Services as administrators see them, and what a change of them changed.

use daybook_domain::ServiceId;
use daybook_domain::catalog::{Catalog, CatalogCommand, Limit, Service};
use daybook_event_log::Position;
use serde::Serialize;
use serde_json::{Value, json};

use crate::edge::RequestContext;
use crate::problem::{Code, Problem};
use crate::public::find_service;
use crate::staff::token::Staff;
use crate::state::State;

/// One service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
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

impl From<&Service> for Entry {
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
pub(super) struct LimitEntry {
    service_id: ServiceId,
    service_type: Box<str>,
    daily_limit: Option<u32>,
    daily_limit_minutes: Option<u32>,
    is_active: bool,
}

impl From<&Service> for LimitEntry {
    fn from(service: &Service) -> Self {
        Self {
            service_id: service.id.clone(),
            service_type: service.code.clone(),
            daily_limit: service.limit.map(|limit| limit.daily_limit),
            daily_limit_minutes: service.limit.and_then(|limit: Limit| limit.daily_limit_minutes),
            is_active: service.limit.is_some_and(|limit| limit.is_active),
        }
    }
}

/// One field that a change gave another value.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Changed {
    field: String,
    from: Value,
    to: Value,
}

/// The fields in which two objects differ, in alphabetical order.
pub(super) fn changes(before: &impl Serialize, after: &impl Serialize) -> Vec<Changed> {
    let (before, after) = (json!(before), json!(after));
    let field = |(field, to): (&String, &Value)| {
        let from = before.get(field).cloned().unwrap_or(Value::Null);
        (from != *to).then(|| Changed { field: field.clone(), from, to: to.clone() })
    };
    after.as_object().into_iter().flatten().filter_map(field).collect()
}

/// The service of this id or code.
pub(super) fn find<'a>(catalog: &'a Catalog, text: Option<&str>) -> Result<&'a Service, Problem> {
    let text = crate::edge::query::required("id", text.map(str::trim))?;
    find_service(catalog, text).ok_or_else(|| Problem::of(Code::ServiceNotFound))
}

/// Carries out commands one after another, once all of them are known to be possible as things stand.
pub(super) async fn carry_out(
    state: &State,
    edge: &RequestContext,
    staff: &Staff,
    wanted: Vec<CatalogCommand>,
) -> Result<Option<Position>, Problem> {
    let mut rehearsal = Catalog::clone(&state.commands.catalog());
    for command in &wanted {
        rehearsal.decide(command.clone())?.iter().for_each(|event| rehearsal.evolve(event));
    }
    let mut position = None;
    for command in wanted {
        let (commands, origin) = (state.commands.clone(), edge.origin(staff.actor(), None));
        let changing = async move { commands.change_catalog(command, origin).await };
        position = Some(state.carry_out(changing).await?);
    }
    Ok(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_the_fields_that_differ_with_both_values() {
        let (before, after) = (json!({"a": 1, "b": null, "c": "x"}), json!({"a": 2, "b": null, "c": "x"}));
        let expected = Changed { field: "a".to_owned(), from: json!(1), to: json!(2) };
        assert_eq!(changes(&before, &after), [expected]);
        assert_eq!(changes(&after, &after), []);
    }
}
