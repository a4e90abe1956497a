//! The commands on the catalog, and their decisions. A command whose effect exists already causes no event.

#![expect(missing_docs, reason = "most fields of a service need no explanation")]

use super::event::{
    CatalogEvent, ServiceActivated, ServiceDeactivated, ServiceDefined, ServiceLimitSet, ServiceRenamed,
    ServiceRetimed, ServicesReordered,
};
use super::state::{Catalog, Limit, Service};
use crate::id::ServiceId;
use crate::time::Minutes;
use crate::value::{self, Checks, Faults, Range};
use crate::vocabulary::LegacyService;

/// A service to create: [`ServiceDefined`] without its display order, which the catalog assigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDraft {
    pub service: ServiceId,
    pub code: Box<str>,
    /// Its value in the old enum, if it has one.
    pub legacy: Option<LegacyService>,
    pub name: Box<str>,
    pub name_en: Option<Box<str>>,
    pub description: Option<Box<str>>,
    pub category: Option<Box<str>>,
    pub duration: Minutes,
    /// Time after the treatment before the next one.
    pub buffer: Minutes,
    /// In won.
    pub base_price: Option<u32>,
}

/// A command on the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogCommand {
    /// Create a service at the end of the list.
    DefineService(ServiceDraft),
    /// Change names and description.
    RenameService(ServiceRenamed),
    /// Change duration and buffer for future bookings.
    RetimeService(ServiceRetimed),
    ActivateService(ServiceId),
    DeactivateService(ServiceId),
    /// Set the display order of all services.
    ReorderServices(Vec<ServiceId>),
    SetServiceLimit(ServiceLimitSet),
}

/// The business fact that prevented a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogRejection {
    /// The code belongs to another service.
    #[error("the code {0} belongs to another service")]
    CodeTaken(Box<str>),
    /// The enum value belongs to another service.
    #[error("the enum value {0} belongs to another service")]
    LegacyValueTaken(LegacyService),
    /// The id belongs to another service.
    #[error("the id {0} belongs to another service")]
    IdTaken(ServiceId),
    /// There is no service with this id.
    #[error("there is no service {0}")]
    ServiceNotFound(ServiceId),
    /// Values outside their ranges.
    #[error(transparent)]
    OutOfRange(#[from] Faults),
    /// The catalog has no room for another service.
    #[error("a clinic has at most {} services", value::SERVICES.max)]
    CatalogFull,
    /// The new order does not name each service exactly once.
    #[error("the order must name each service exactly once")]
    OrderIncomplete,
}

use CatalogRejection as No;

impl Catalog {
    /// Decides a command: its events (none if its effect exists already), or a rejection.
    pub fn decide(&self, command: CatalogCommand) -> Result<Vec<CatalogEvent>, No> {
        let event = match command {
            CatalogCommand::DefineService(draft) => self.define(draft)?,
            CatalogCommand::RenameService(renamed) => self.rename(renamed)?,
            CatalogCommand::RetimeService(retimed) => self.retime(retimed)?,
            CatalogCommand::ActivateService(service) => (!self.find(&service)?.is_active)
                .then_some(CatalogEvent::ServiceActivated(ServiceActivated { service })),
            CatalogCommand::DeactivateService(service) => self
                .find(&service)?
                .is_active
                .then_some(CatalogEvent::ServiceDeactivated(ServiceDeactivated { service })),
            CatalogCommand::ReorderServices(order) => self.reorder(order)?,
            CatalogCommand::SetServiceLimit(limit) => self.set_limit(limit)?,
        };
        Ok(event.into_iter().collect())
    }

    fn find(&self, id: &ServiceId) -> Result<&Service, No> {
        self.get(id).ok_or_else(|| No::ServiceNotFound(id.clone()))
    }

    fn define(&self, draft: ServiceDraft) -> Result<Option<CatalogEvent>, No> {
        let mut checks = Checks::default();
        checks.check("code", check_code(&draft.code));
        check_names(&mut checks, &draft.name, draft.name_en.as_deref(), draft.description.as_deref());
        checks.check_some("category", draft.category.as_deref(), |text| value::SERVICE_LABEL.check(text));
        check_times(&mut checks, draft.duration, draft.buffer);
        checks.check_some("basePrice", draft.base_price, |price| value::PRICE.check(price));
        checks.finish()?;
        let last = self.in_order().last().map_or(0, |last| last.display_order);
        let display_order = last.saturating_add(1).min(value::SERVICES.max);
        let defined = ServiceDefined {
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
            display_order,
        };
        if let Some(existing) = self.get(&defined.service) {
            let same = existing.code == defined.code && existing.legacy == defined.legacy;
            return if same { Ok(None) } else { Err(No::IdTaken(defined.service)) };
        }
        if self.by_code(&defined.code).is_some() {
            return Err(No::CodeTaken(defined.code));
        }
        if self.len() >= value::SERVICES.max as usize {
            return Err(No::CatalogFull);
        }
        match defined.legacy {
            Some(value) if self.by_legacy(value).is_some() => Err(No::LegacyValueTaken(value)),
            _ => Ok(Some(CatalogEvent::ServiceDefined(defined))),
        }
    }

    fn rename(&self, renamed: ServiceRenamed) -> Result<Option<CatalogEvent>, No> {
        let service = self.find(&renamed.service)?;
        let mut checks = Checks::default();
        check_names(&mut checks, &renamed.name, renamed.name_en.as_deref(), renamed.description.as_deref());
        checks.finish()?;
        let same = (&service.name, &service.name_en, &service.description)
            == (&renamed.name, &renamed.name_en, &renamed.description);
        Ok((!same).then_some(CatalogEvent::ServiceRenamed(renamed)))
    }

    fn retime(&self, retimed: ServiceRetimed) -> Result<Option<CatalogEvent>, No> {
        let service = self.find(&retimed.service)?;
        let mut checks = Checks::default();
        check_times(&mut checks, retimed.duration, retimed.buffer);
        checks.finish()?;
        let same = (service.duration, service.buffer) == (retimed.duration, retimed.buffer);
        Ok((!same).then_some(CatalogEvent::ServiceRetimed(retimed)))
    }

    fn reorder(&self, order: Vec<ServiceId>) -> Result<Option<CatalogEvent>, No> {
        let current: Vec<ServiceId> = self.in_order().into_iter().map(|service| service.id.clone()).collect();
        let sorted = |ids: &[ServiceId]| {
            let mut ids = ids.to_vec();
            ids.sort();
            ids
        };
        if sorted(&order) != sorted(&current) {
            return Err(No::OrderIncomplete);
        }
        Ok((order != current).then_some(CatalogEvent::ServicesReordered(ServicesReordered { order })))
    }

    fn set_limit(&self, limit_set: ServiceLimitSet) -> Result<Option<CatalogEvent>, No> {
        let service = self.find(&limit_set.service)?;
        let minutes = limit_set.daily_limit_minutes;
        Checks::default()
            .check("dailyLimit", value::DAILY_LIMIT.check(limit_set.daily_limit))
            .check_some("dailyLimitMinutes", minutes, |minutes| value::DAILY_LIMIT_MINUTES.check(minutes))
            .check_some("reason", limit_set.reason.as_deref(), |reason| value::DESCRIPTION.check(reason))
            .finish()?;
        let limit = Limit {
            daily_limit: limit_set.daily_limit,
            daily_limit_minutes: limit_set.daily_limit_minutes,
            is_active: limit_set.is_active,
        };
        Ok((service.limit != Some(limit)).then_some(CatalogEvent::ServiceLimitSet(limit_set)))
    }
}

/// Checks a service's code.
pub fn check_code(code: &str) -> Result<(), Range> {
    let plain = code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if plain && (2..=50).contains(&code.len()) { Ok(()) } else { Err(value::SERVICE_CODE) }
}

fn check_names(checks: &mut Checks, name: &str, name_en: Option<&str>, description: Option<&str>) {
    checks
        .check("name", value::SERVICE_NAME.check(name))
        .check_some("nameEn", name_en, |text| value::SERVICE_LABEL.check(text))
        .check_some("description", description, |text| value::DESCRIPTION.check(text));
}

fn check_times(checks: &mut Checks, duration: Minutes, buffer: Minutes) {
    checks
        .check("durationMinutes", value::DURATION.check(duration))
        .check("bufferMinutes", value::BUFFER.check(buffer));
}

#[cfg(test)]
mod tests {
    use super::super::first_services;
    use super::*;

    fn seeded() -> Catalog {
        let mut catalog = Catalog::default();
        for command in first_services() {
            let events = catalog.decide(command).unwrap();
            events.iter().for_each(|event| catalog.evolve(event));
        }
        catalog
    }

    fn id(text: &str) -> ServiceId {
        ServiceId::parse(text).unwrap()
    }

    #[test]
    fn the_first_services_are_the_six_of_the_enum_each_with_its_limit() {
        let catalog = seeded();
        let codes: Vec<_> = catalog.in_order().into_iter().map(|service| service.legacy.unwrap()).collect();
        assert_eq!(codes, LegacyService::ALL);
        assert!(catalog.in_order().iter().all(|service| service.limit.unwrap().daily_limit == 10));
        assert_eq!(catalog.by_code("SKIN_CARE").unwrap().total_minutes(), 70);
    }

    #[test]
    fn a_command_whose_effect_exists_causes_no_event() {
        let catalog = seeded();
        for command in first_services() {
            assert_eq!(catalog.decide(command), Ok(vec![]));
        }
        let order = catalog.in_order().into_iter().map(|service| service.id.clone()).collect();
        assert_eq!(catalog.decide(CatalogCommand::ReorderServices(order)), Ok(vec![]));
        assert_eq!(catalog.decide(CatalogCommand::ActivateService(id("srv_body_care"))), Ok(vec![]));
    }

    #[test]
    fn a_code_belongs_to_one_service() {
        let Some(CatalogCommand::DefineService(mut draft)) = first_services().into_iter().next() else {
            panic!("the first services start with a definition");
        };
        draft.service = id("srv_other");
        let rejected = seeded().decide(CatalogCommand::DefineService(draft));
        assert_eq!(rejected, Err(No::CodeTaken("WRINKLE_BOTOX".into())));
    }

    #[test]
    fn all_wrong_values_of_a_service_are_named_with_their_ranges() {
        let Some(CatalogCommand::DefineService(draft)) = first_services().into_iter().next() else {
            panic!("the first services start with a definition");
        };
        let wrong = ServiceDraft {
            code: "premium".into(),
            name: "\u{202e}프리미엄".into(),
            category: Some("\u{200b}".into()),
            buffer: 61,
            base_price: Some(3_000_000_000),
            ..draft
        };
        let Err(No::OutOfRange(faults)) = Catalog::default().decide(CatalogCommand::DefineService(wrong))
        else {
            panic!("the service was defined");
        };
        assert_eq!(
            faults.to_string(),
            "code: 2 to 50 characters of A-Z and _; name: 2 to 100 visible characters on one line; \
             category: 1 to 100 visible characters on one line; bufferMinutes: 0 to 60 minutes; \
             basePrice: 0 to 2147483647 won"
        );
    }

    #[test]
    fn durations_and_orders_out_of_range_are_rejected() {
        let catalog = seeded();
        let retime = |duration, buffer| {
            let service = id("srv_skin_care");
            catalog.decide(CatalogCommand::RetimeService(ServiceRetimed { service, duration, buffer }))
        };
        assert!(retime(9, 10).is_err() && retime(481, 10).is_err() && retime(30, 61).is_err());
        assert_eq!(retime(90, 0).unwrap().len(), 1);
        let twice = vec![id("srv_skin_care"), id("srv_skin_care")];
        assert_eq!(catalog.decide(CatalogCommand::ReorderServices(twice)), Err(No::OrderIncomplete));
    }
}
