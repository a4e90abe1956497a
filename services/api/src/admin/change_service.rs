//! `PATCH /api/admin/services`: another name, other times, bookable or not.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, Service, ServiceRenamed, ServiceRetimed};
use serde::{Deserialize, Serialize};

use super::catalog::{self, Changed, Entry};
use super::define_service::{optional_line, optional_prose};
use crate::edge::{RequestContext, answer, body, json};
use crate::problem::{Code, Problem};
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    id: Option<String>,
    name: Option<String>,
    name_en: Option<String>,
    description: Option<String>,
    duration_minutes: Option<u32>,
    buffer_minutes: Option<u32>,
    is_active: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    success: bool,
    service: Entry,
    changes: Vec<Changed>,
    /// What else changed because of it.
    cascade_effects: Vec<&'static str>,
}

/// Changes a service. Bookings that were made before keep their name and times.
pub(crate) async fn change_service(
    state: web::Data<State>,
    edge: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let sent: Sent = json::typed(&body::read(payload).await?)?;
    let catalog = state.commands.catalog();
    let service = catalog::find(&catalog, sent.id.as_deref())?;
    let wanted = wanted(sent, service)?;
    if wanted.is_empty() {
        return Err(Problem::of(Code::NothingToChange));
    }
    apply(&state, &edge, &staff, service, wanted).await
}

/// Carries out changes of one service and says what they changed.
pub(super) async fn apply(
    state: &State,
    edge: &RequestContext,
    staff: &Staff,
    before: &Service,
    wanted: Vec<CatalogCommand>,
) -> Result<HttpResponse, Problem> {
    let position = catalog::carry_out(state, edge, staff, wanted).await?;
    let catalog = state.commands.catalog();
    let service = Entry::from(catalog::find(&catalog, Some(before.id.as_str()))?);
    let changes = catalog::changes(&Entry::from(before), &service);
    let body = Body { success: true, service, changes, cascade_effects: vec![] };
    match position {
        Some(position) => answer::recorded(None, position, &body),
        None => answer::plain(&body),
    }
}

fn wanted(sent: Sent, service: &Service) -> Result<Vec<CatalogCommand>, Problem> {
    let id = || service.id.clone();
    let mut wanted = Vec::new();
    if sent.name.is_some() || sent.name_en.is_some() || sent.description.is_some() {
        let (name_en, description) = (service.name_en.clone(), service.description.clone());
        wanted.push(CatalogCommand::RenameService(ServiceRenamed {
            service: id(),
            name: optional_line("name", sent.name)?.unwrap_or_else(|| service.name.clone()),
            name_en: if sent.name_en.is_some() { optional_line("nameEn", sent.name_en)? } else { name_en },
            description: if sent.description.is_some() {
                optional_prose("description", sent.description)?
            } else {
                description
            },
        }));
    }
    if sent.duration_minutes.is_some() || sent.buffer_minutes.is_some() {
        wanted.push(CatalogCommand::RetimeService(ServiceRetimed {
            service: id(),
            duration: sent.duration_minutes.unwrap_or(service.duration),
            buffer: sent.buffer_minutes.unwrap_or(service.buffer),
        }));
    }
    wanted.extend(sent.is_active.map(|is_active| match is_active {
        true => CatalogCommand::ActivateService(id()),
        false => CatalogCommand::DeactivateService(id()),
    }));
    Ok(wanted)
}
