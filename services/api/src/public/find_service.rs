//! Finds the service that a client names, by code or by id.

use daybook_domain::ServiceId;
use daybook_domain::catalog::{Catalog, Service};

use crate::problem::{Code, Problem};
use crate::texts::Language;

/// The service with this code or id, active or not.
pub(crate) fn find_service<'a>(catalog: &'a Catalog, id_or_code: &str) -> Option<&'a Service> {
    let by_id = || ServiceId::parse(id_or_code).ok().and_then(|id| catalog.get(&id));
    catalog.by_code(id_or_code).or_else(by_id)
}

/// The active service with this code or id.
pub(super) fn active_service<'a>(catalog: &'a Catalog, id_or_code: &str) -> Result<&'a Service, Problem> {
    let service = find_service(catalog, id_or_code).filter(|service| service.is_active);
    service.ok_or_else(|| Problem::new(Code::ServiceNotFound))
}

/// The name in a language. Without an English name it is the Korean one.
pub(super) fn service_name(service: &Service, language: Language) -> &str {
    let english = service.name_en.as_deref().filter(|_| language == Language::English);
    english.unwrap_or(&service.name)
}
