//! `POST /api/admin/services`: adds a service.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, ServiceDraft, check_code};
use daybook_domain::value::{self, Range, Relation};
use daybook_domain::{LegacyService, ServiceId};

use super::catalog::{self, Effect};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

/// Default buffer after a treatment, in minutes. Source: the old system's table.
const DEFAULT_BUFFER: u32 = 10;

/// Adds a service.
pub(crate) async fn define_service(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Catalog)?;
    let draft = draft(Form::read(payload).await?)?;
    let id = draft.service.clone();
    let command = (CatalogCommand::DefineService(draft), Effect::None);
    catalog::change(&state, &context, &staff, &id, command).await
}

fn draft(mut form: Form) -> Result<ServiceDraft, Problem> {
    let known = |code: &str| -> Option<Box<str>> { check_code(code).is_ok().then(|| code.into()) };
    let code = form.parsed("code", Code::InvalidField, Some(value::SERVICE_CODE), known);
    let code = form.required("code", code);
    let name = form.text("name", value::SERVICE_NAME);
    let name = form.required("name", name);
    let duration = form.number("durationMinutes", value::DURATION);
    let duration = form.required("durationMinutes", duration);
    let id = form.parsed("id", Code::InvalidField, Some(value::ID), |text| ServiceId::parse(text).ok());
    let old_service = Some(Range::Relation(Relation::OldService));
    let legacy = form.parsed("legacyServiceType", Code::InvalidField, old_service, |text| text.parse().ok());
    let legacy: Option<LegacyService> = legacy;
    let name_en = form.text("nameEn", value::SERVICE_LABEL);
    let description = form.text("description", value::DESCRIPTION);
    let category = form.text("category", value::SERVICE_LABEL);
    let buffer = form.number("bufferMinutes", value::BUFFER).unwrap_or(DEFAULT_BUFFER);
    let base_price = form.number("basePrice", value::PRICE);
    form.finish()?;
    let (Some(code), Some(name), Some(duration)) = (code, name, duration) else {
        return Err(Problem::new(Code::MissingFields));
    };
    let id = id.map_or_else(|| ServiceId::parse(format!("srv_{}", code.to_ascii_lowercase())), Ok);
    let service = id.map_err(|_| Problem::out_of_range("id", value::ID))?;
    Ok(ServiceDraft {
        service,
        code,
        legacy,
        name,
        name_en,
        description,
        category,
        duration,
        buffer,
        base_price,
    })
}
