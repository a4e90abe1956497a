//! `GET /api/public/services?code=&active=`: the services that clients can book.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::catalog::Service;
use serde::Serialize;

use super::find_service::service_name;
use crate::problem::{Code, Format, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::state::State;
use crate::texts::Language;

#[derive(Serialize)]
struct ServicesResponse<'a> {
    success: bool,
    services: Vec<ServiceResponse<'a>>,
    count: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceResponse<'a> {
    id: &'a str,
    code: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    category: Option<&'a str>,
    duration_minutes: u32,
    buffer_minutes: u32,
    total_minutes: u32,
    display_order: u32,
    is_active: bool,
}

impl<'a> ServiceResponse<'a> {
    fn new(service: &'a Service, language: Language) -> Self {
        Self {
            id: service.id.as_str(),
            code: &service.code,
            name: service_name(service, language),
            description: service.description.as_deref(),
            category: service.category.as_deref(),
            duration_minutes: service.duration,
            buffer_minutes: service.buffer,
            total_minutes: service.total_minutes(),
            display_order: service.display_order,
            is_active: service.is_active,
        }
    }
}

/// Lists the active services, or all with `active=false`, or one by its code.
pub(crate) async fn list_services(
    state: web::Data<State>,
    context: RequestContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::from_query(&request)?;
    let code = form.string("code");
    let only_active = match form.string("active").as_deref() {
        None | Some("true" | "1") => true,
        Some("false" | "0") => false,
        Some(_) => form.wrong_form("active", Code::InvalidQuery, Format::Flag).unwrap_or(true),
    };
    form.finish_ignoring_unknown()?;
    let route = context.route(&state, None).await?;
    let catalog = state.queries.catalog(route.generation).await?;
    let matches = |service: &&Service| {
        (service.is_active || !only_active) && code.as_deref().is_none_or(|code| *service.code == *code)
    };
    let found = catalog.value.in_order().into_iter().filter(matches);
    let services: Vec<ServiceResponse<'_>> =
        found.map(|service| ServiceResponse::new(service, context.language)).collect();
    if code.is_some() && services.is_empty() {
        return Err(Problem::field(Code::ServiceNotFound, "code"));
    }
    response::from_view(&catalog, &ServicesResponse { success: true, count: services.len(), services })
}
