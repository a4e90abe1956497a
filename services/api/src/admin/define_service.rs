//! `POST /api/admin/services`: adds a service.

use actix_web::{HttpResponse, web};
use daybook_domain::catalog::{CatalogCommand, ServiceDraft};
use daybook_domain::{LegacyService, ServiceId};
use serde::Deserialize;

use super::catalog;
use crate::problem::{Code, Details, Problem};
use crate::request::text::{self, optional_line, optional_prose};
use crate::request::{RequestContext, json};
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

/// Longest name and category, in characters. The catalog has stricter rules for names.
pub(super) const MAX_LINE: usize = 100;

/// Longest description and reason, in characters.
pub(super) const MAX_DESCRIPTION: usize = 2000;

/// Default buffer after a treatment, in minutes. Source: the old system's table.
const DEFAULT_BUFFER: u32 = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DefineServiceRequest {
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

/// Adds a service.
pub(crate) async fn define_service(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Role::Admin)?;
    let request: DefineServiceRequest = json::read(payload).await?;
    let draft = request.into_draft()?;
    let id = draft.service.clone();
    catalog::change(&state, &context, &staff, &id, None, vec![CatalogCommand::DefineService(draft)]).await
}

impl DefineServiceRequest {
    fn into_draft(self) -> Result<ServiceDraft, Problem> {
        let missing = [
            ("code", self.code.is_none()),
            ("name", self.name.is_none()),
            ("durationMinutes", self.duration_minutes.is_none()),
        ];
        let (Some(code), Some(name), Some(duration)) = (self.code, self.name, self.duration_minutes) else {
            let fields = missing.into_iter().filter(|(_, is_missing)| *is_missing).map(|(field, _)| field);
            return Err(Problem::missing_fields(fields.collect()));
        };
        let id = self.id.unwrap_or_else(|| format!("srv_{}", code.to_ascii_lowercase()));
        let rule = "1 to 64 characters of a-z, A-Z, 0-9, '-', '_', '.'";
        let invalid = |_| Problem::with(Code::InvalidField, Details::Rule { field: "id", rule });
        Ok(ServiceDraft {
            service: ServiceId::parse(id).map_err(invalid)?,
            code: code.into(),
            legacy: self.legacy_service_type,
            name: text::line("name", name, MAX_LINE)?.into(),
            name_en: optional_line("nameEn", self.name_en, MAX_LINE)?,
            description: optional_prose("description", self.description, MAX_DESCRIPTION)?,
            category: optional_line("category", self.category, MAX_LINE)?,
            duration,
            buffer: self.buffer_minutes.unwrap_or(DEFAULT_BUFFER),
            base_price: self.base_price,
        })
    }
}
