//! Deciding the definition of a new service. An id and a code belong to one service, and no id is the code of another one,
//! because clients name a service by either.

use super::command::{CatalogRejection as No, ServiceDraft, check_names, check_times};
use super::event::{CatalogEvent, ServiceDefined};
use super::state::{Catalog, Service};
use crate::value::{self, Checks, Faults, Range};

impl Catalog {
    /// No event if the service is there with all values that the draft has. A repeated definition after a change is
    /// refused, because its answer would show other values than it asked for.
    pub(super) fn define(&self, draft: ServiceDraft) -> Result<Option<CatalogEvent>, No> {
        check_draft(&draft)?;
        if let Some(existing) = self.get(&draft.service) {
            return match existing {
                existing if has_values_of(existing, &draft) => Ok(None),
                existing if existing.code == draft.code => Err(No::CodeTaken(draft.code)),
                _ => Err(No::IdTaken(draft.service)),
            };
        }
        if self.find(&draft.code).is_some() {
            return Err(No::CodeTaken(draft.code));
        }
        if self.by_code(draft.service.as_str()).is_some() {
            return Err(No::IdTaken(draft.service));
        }
        if self.len() >= value::SERVICES.max as usize {
            return Err(No::CatalogFull);
        }
        match draft.legacy {
            Some(value) if self.by_legacy(value).is_some() => Err(No::LegacyValueTaken(value)),
            _ => Ok(Some(CatalogEvent::ServiceDefined(self.at_the_end(draft)))),
        }
    }

    /// The new service at the end of the list.
    fn at_the_end(&self, draft: ServiceDraft) -> ServiceDefined {
        let last = self.in_order().last().map_or(0, |last| last.display_order);
        ServiceDefined {
            service: draft.service,
            code: draft.code,
            legacy: draft.legacy,
            name: draft.name,
            name_en: draft.name_en,
            description: draft.description,
            category: draft.category,
            duration: draft.duration,
            buffer: draft.buffer,
            base_price: draft.base_price,
            display_order: last.saturating_add(1).min(value::SERVICES.max),
        }
    }
}

/// Whether a service has all values of a draft. What the draft leaves out may have any value.
fn has_values_of(service: &Service, draft: &ServiceDraft) -> bool {
    fn agrees<T: PartialEq>(wanted: Option<&T>, own: Option<&T>) -> bool {
        wanted.is_none() || wanted == own
    }
    (&service.code, &service.name, service.duration, service.buffer)
        == (&draft.code, &draft.name, draft.duration, draft.buffer)
        && agrees(draft.legacy.as_ref(), service.legacy.as_ref())
        && agrees(draft.name_en.as_ref(), service.name_en.as_ref())
        && agrees(draft.description.as_ref(), service.description.as_ref())
        && agrees(draft.category.as_ref(), service.category.as_ref())
        && agrees(draft.base_price.as_ref(), service.base_price.as_ref())
}

fn check_draft(draft: &ServiceDraft) -> Result<(), Faults> {
    let mut checks = Checks::default();
    checks.check("code", check_code(&draft.code));
    check_names(&mut checks, &draft.name, draft.name_en.as_deref(), draft.description.as_deref());
    checks.check_some("category", draft.category.as_deref(), |text| value::SERVICE_LABEL.check(text));
    check_times(&mut checks, draft.duration, draft.buffer);
    checks.check_some("basePrice", draft.base_price, |price| value::PRICE.check(price));
    checks.finish()
}

/// Checks a service's code.
pub fn check_code(code: &str) -> Result<(), Range> {
    let plain = code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if plain && (2..=50).contains(&code.len()) { Ok(()) } else { Err(value::SERVICE_CODE) }
}
