//! `PATCH /api/admin/services`: changes the names, times or availability of a service.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, ServiceChange};
use daybook_domain::{ServiceId, value};

use super::catalog::{self, Effect};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::request::query::required;
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
    let id = required("id", form.string("id"))?;
    let catalog = state.commands.catalog();
    let id = &catalog::named_service(&catalog, ("id", &id))?.id;
    let change = service_change(form, id.clone())?;
    let effect = if change.is_active == Some(false) { Effect::SwitchesOff } else { Effect::None };
    let command = (CatalogCommand::ChangeService(change), effect);
    catalog::change(&state, &context, &staff, id, command).await
}

/// The change that a form asks for. A missing field keeps its value. A blank or null one removes it, if it can be removed.
fn service_change(mut form: Form, service: ServiceId) -> Result<ServiceChange, Problem> {
    form.keep(&["name", "durationMinutes", "bufferMinutes", "isActive"]);
    let changes = |field| form.has(field) || form.removes(field);
    let (has_name, has_name_en, has_description) =
        (form.has("name"), changes("nameEn"), changes("description"));
    let name = form.text("name", value::SERVICE_NAME);
    if has_name {
        form.required("name", name.as_ref());
    }
    let name_en = form.text("nameEn", value::SERVICE_LABEL);
    let description = form.text("description", value::DESCRIPTION);
    let change = ServiceChange {
        name,
        name_en: has_name_en.then_some(name_en),
        description: has_description.then_some(description),
        duration: form.number("durationMinutes", value::DURATION),
        buffer: form.number("bufferMinutes", value::BUFFER),
        is_active: form.flag("isActive"),
        service,
    };
    form.finish()?;
    if change == ServiceChange::none(change.service.clone()) {
        return Err(Problem::new(Code::NothingToChange));
    }
    Ok(change)
}
