//! `PATCH /api/admin/services`: changes the names, times or availability of a service.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, Service, ServiceRenamed, ServiceRetimed};
use serde::Deserialize;

use super::catalog;
use super::define_service::{MAX_DESCRIPTION, MAX_LINE};
use crate::problem::Problem;
use crate::request::query::required;
use crate::request::text::{optional_line, optional_prose};
use crate::request::{RequestContext, json};
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeServiceRequest {
    id: Option<String>,
    #[serde(default, deserialize_with = "json::given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "json::removable")]
    name_en: Option<Option<String>>,
    #[serde(default, deserialize_with = "json::removable")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "json::given")]
    duration_minutes: Option<u32>,
    #[serde(default, deserialize_with = "json::given")]
    buffer_minutes: Option<u32>,
    #[serde(default, deserialize_with = "json::given")]
    is_active: Option<bool>,
}

/// Changes a service. Existing bookings keep its earlier name and times.
pub(crate) async fn change_service(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let request: ChangeServiceRequest = json::read(payload).await?;
    let catalog = state.commands.catalog();
    let service = catalog::required_service(&catalog, request.id.as_deref())?;
    let commands = request.into_commands(service)?;
    catalog::change(&state, &context, &staff, &service.id, Some(service), commands).await
}

impl ChangeServiceRequest {
    fn into_commands(self, service: &Service) -> Result<Vec<CatalogCommand>, Problem> {
        let id = || service.id.clone();
        let mut commands = Vec::new();
        if self.name.is_some() || self.name_en.is_some() || self.description.is_some() {
            commands.push(CatalogCommand::RenameService(ServiceRenamed {
                service: id(),
                name: match self.name {
                    None => service.name.clone(),
                    name => required("name", optional_line("name", name, MAX_LINE)?)?,
                },
                name_en: match self.name_en {
                    None => service.name_en.clone(),
                    Some(name_en) => optional_line("nameEn", name_en, MAX_LINE)?,
                },
                description: match self.description {
                    None => service.description.clone(),
                    Some(description) => optional_prose("description", description, MAX_DESCRIPTION)?,
                },
            }));
        }
        if self.duration_minutes.is_some() || self.buffer_minutes.is_some() {
            commands.push(CatalogCommand::RetimeService(ServiceRetimed {
                service: id(),
                duration: self.duration_minutes.unwrap_or(service.duration),
                buffer: self.buffer_minutes.unwrap_or(service.buffer),
            }));
        }
        commands.extend(self.is_active.map(|is_active| match is_active {
            true => CatalogCommand::ActivateService(id()),
            false => CatalogCommand::DeactivateService(id()),
        }));
        Ok(commands)
    }
}
