//! The service that a client names, by id or by code, and its name.

use daybook_domain::ServiceId;
use daybook_domain::catalog::{Catalog, Service};

use crate::problem::{Code, FieldFault, Problem};
use crate::request::form::Form;
use crate::texts::Language;

/// The service that a form names by its id or by its code. If it has both, they are one service.
pub(crate) fn service_field(
    form: &mut Form,
    catalog: &Catalog,
    by_id: &'static str,
    by_code: &'static str,
) -> Option<(ServiceId, &'static str)> {
    let mut find = |field| {
        let text = form.string(field)?;
        let found = catalog.find(text.trim()).map(|service| (service.id.clone(), field));
        form.accept(found.ok_or_else(|| FieldFault::new(field, Code::UnknownService)))
    };
    let (one, other) = (find(by_id), find(by_code));
    if one.as_ref().zip(other.as_ref()).is_some_and(|((one, _), (other, _))| one != other) {
        form.contradiction(by_id, by_code);
    }
    one.or(other)
}

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
