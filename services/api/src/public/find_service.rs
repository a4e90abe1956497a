//! Finds the service that a client names, by code or by id.

use daybook_domain::ServiceId;
use daybook_domain::catalog::{Catalog, Service};

use crate::problem::{Code, FieldFault, Problem};
use crate::request::form::Form;
use crate::texts::Language;

/// The service with this code or id, active or not.
pub(crate) fn find_service<'a>(catalog: &'a Catalog, id_or_code: &str) -> Option<&'a Service> {
    let by_id = || ServiceId::parse(id_or_code).ok().and_then(|id| catalog.get(&id));
    catalog.by_code(id_or_code).or_else(by_id)
}

/// The service that a form names by its id or by its code. If it has both, they are one service.
pub(crate) fn service_field(
    form: &mut Form,
    catalog: &Catalog,
    by_id: &'static str,
    by_code: &'static str,
) -> Option<ServiceId> {
    let mut find = |field| {
        let text = form.string(field)?;
        let found = find_service(catalog, text.trim()).map(|service| service.id.clone());
        form.accept(found.ok_or_else(|| FieldFault::new(field, Code::UnknownService)))
    };
    let (one, other) = (find(by_id), find(by_code));
    if one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| one != other) {
        form.contradiction(by_id, by_code);
    }
    one.or(other)
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
