//! The service that a client names, by id or by code, and its name.

use daybook_domain::catalog::{Catalog, Service};

use crate::problem::{Code, Problem};
use crate::texts::Language;

/// The active service that a field or parameter names.
pub(super) fn active_service<'a>(
    catalog: &'a Catalog,
    (field, id_or_code): (&'static str, &str),
) -> Result<&'a Service, Problem> {
    let service = catalog.find(id_or_code).filter(|service| service.is_active);
    service.ok_or_else(|| Problem::field(Code::ServiceNotFound, field))
}

/// The name in a language. Without an English name it is the Korean one.
pub(super) fn service_name(service: &Service, language: Language) -> &str {
    let english = service.name_en.as_deref().filter(|_| language == Language::English);
    english.unwrap_or(&service.name)
}
