//! `PATCH /api/admin/services`: changes the names, times or availability of a service.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, Service, ServiceRenamed, ServiceRetimed};
use daybook_domain::value;

use super::catalog;
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

/// Changes a service. Existing bookings keep its earlier name and times.
pub(crate) async fn change_service(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Catalog)?;
    let mut form = Form::read(payload).await?;
    let catalog = state.commands.catalog();
    let service = catalog::required_service(&catalog, form.string("id").as_deref())?;
    let commands = changes(form, service)?;
    catalog::change(&state, &context, &staff, &service.id, Some(service), commands).await
}

/// The changes that a form asks for. A missing field keeps its value. A blank or null one removes it, if it can be removed.
fn changes(mut form: Form, service: &Service) -> Result<Vec<CatalogCommand>, Problem> {
    let id = || service.id.clone();
    form.keep(&["name", "durationMinutes", "bufferMinutes", "isActive"]);
    let changes = |field| form.has(field) || form.removes(field);
    let (has_name, has_name_en, has_description) =
        (form.has("name"), changes("nameEn"), changes("description"));
    let is_renamed = has_name || has_name_en || has_description;
    let name = form.text("name", value::SERVICE_NAME);
    if has_name {
        form.required("name", name.as_ref());
    }
    let name_en = form.text("nameEn", value::SERVICE_LABEL);
    let description = form.text("description", value::DESCRIPTION);
    let duration = form.number("durationMinutes", value::DURATION);
    let buffer = form.number("bufferMinutes", value::BUFFER);
    let is_active = form.flag("isActive");
    form.finish()?;
    let mut commands = Vec::new();
    if is_renamed {
        commands.push(CatalogCommand::RenameService(ServiceRenamed {
            service: id(),
            name: name.unwrap_or_else(|| service.name.clone()),
            name_en: if has_name_en { name_en } else { service.name_en.clone() },
            description: if has_description { description } else { service.description.clone() },
        }));
    }
    if duration.is_some() || buffer.is_some() {
        commands.push(CatalogCommand::RetimeService(ServiceRetimed {
            service: id(),
            duration: duration.unwrap_or(service.duration),
            buffer: buffer.unwrap_or(service.buffer),
        }));
    }
    commands.extend(is_active.map(|is_active| match is_active {
        true => CatalogCommand::ActivateService(id()),
        false => CatalogCommand::DeactivateService(id()),
    }));
    Ok(commands)
}
