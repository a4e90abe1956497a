//! `POST /api/admin/services`

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, ServiceDraft};
use daybook_domain::{LegacyService, ServiceId};
use serde::{Deserialize, Serialize};

use super::catalog::{self, Changed, Entry};
use crate::edge::{RequestContext, answer, body, json, text};
use crate::problem::{Code, Details, Problem};
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

/// Longest name and category, in characters; the catalog's own rule for names is stricter still.
const MAX_LINE: usize = 100;

/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 2000;

/// Time to clear up, where nothing is said. Source: the old system's table.
const DEFAULT_BUFFER: u32 = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    id: Option<String>,
    code: Option<String>,
    name: Option<String>,
    name_en: Option<String>,
    description: Option<String>,
    category: Option<String>,
    legacy_service_type: Option<LegacyService>,
    duration_minutes: Option<u32>,
    buffer_minutes: Option<u32>,
    base_price: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    success: bool,
    service: Entry,
    changes: Vec<Changed>,
    cascade_effects: [(); 0],
}

/// Brings a service into being.
pub(crate) async fn define_service(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let draft = draft(json::typed(&body::read(payload).await?)?)?;
    let id = draft.service.clone();
    let position =
        catalog::carry_out(&state, &edge, &staff, vec![CatalogCommand::DefineService(draft)]).await?;
    let catalog = state.commands.catalog();
    let service = Entry::from(catalog::find(&catalog, Some(id.as_str()))?);
    let changes = catalog::changes(&serde_json::json!({}), &service);
    let body = Body { success: true, service, changes, cascade_effects: [] };
    match position {
        Some(position) => answer::recorded(None, position, &body),
        None => answer::plain(&body),
    }
}

fn draft(sent: Sent) -> Result<ServiceDraft, Problem> {
    let missing = [
        ("code", sent.code.is_none()),
        ("name", sent.name.is_none()),
        ("durationMinutes", sent.duration_minutes.is_none()),
    ];
    let fields: Vec<_> = missing.into_iter().filter(|(_, is)| *is).map(|(field, _)| field).collect();
    let (Some(code), Some(name), Some(duration)) = (sent.code, sent.name, sent.duration_minutes) else {
        return Err(Problem::with(Code::MissingFields, Details::Fields { fields }));
    };
    let id = sent.id.unwrap_or_else(|| format!("srv_{}", code.to_ascii_lowercase()));
    let rule = "1 to 64 characters of a-z, A-Z, 0-9, '-', '_', '.'";
    let invalid = |_| Problem::with(Code::InvalidField, Details::Rule { field: "id", rule });
    Ok(ServiceDraft {
        service: ServiceId::parse(id).map_err(invalid)?,
        code: code.into(),
        legacy: sent.legacy_service_type,
        name: text::line("name", name, MAX_LINE)?.into(),
        name_en: optional_line("nameEn", sent.name_en)?,
        description: optional_prose("description", sent.description)?,
        category: optional_line("category", sent.category)?,
        duration,
        buffer: sent.buffer_minutes.unwrap_or(DEFAULT_BUFFER),
        base_price: sent.base_price,
    })
}

/// A name or a group, where there is one.
pub(super) fn optional_line(field: &'static str, typed: Option<String>) -> Result<Option<Box<str>>, Problem> {
    let typed = typed.filter(|text| !text.trim().is_empty());
    typed.map(|typed| text::line(field, typed, MAX_LINE).map(Into::into)).transpose()
}

/// A description, where there is one.
pub(super) fn optional_prose(
    field: &'static str,
    typed: Option<String>,
) -> Result<Option<Box<str>>, Problem> {
    let typed = typed.filter(|text| !text.trim().is_empty());
    typed.map(|typed| text::prose(field, typed, MAX_DESCRIPTION).map(Into::into)).transpose()
}
