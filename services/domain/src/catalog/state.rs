//! The catalog that results from its events. It never rejects an event.

#![expect(missing_docs, reason = "most fields of a service need no explanation")]

use std::collections::BTreeMap;

use super::event::CatalogEvent;
use crate::id::ServiceId;
use crate::time::Minutes;
use crate::vocabulary::LegacyService;

/// The current state of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: ServiceId,
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
    pub is_active: bool,
    /// From 1.
    pub display_order: u32,
    pub limit: Option<Limit>,
}

impl Service {
    /// Treatment plus buffer.
    pub const fn total_minutes(&self) -> Minutes {
        self.duration.saturating_add(self.buffer)
    }
}

/// The daily limit of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Bookings per day, for the legacy rules.
    pub daily_limit: u32,
    /// Minutes per day, for the dynamic rules.
    pub daily_limit_minutes: Option<Minutes>,
    /// Whether the limit applies.
    pub is_active: bool,
}

/// All services of the clinic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    services: BTreeMap<ServiceId, Service>,
    /// Why the limits are as they are.
    limit_reasons: BTreeMap<ServiceId, Box<str>>,
}

impl Catalog {
    /// A catalog from the rows of a view, so that searches use the rules that decide bookings.
    pub fn from_services(services: impl IntoIterator<Item = Service>) -> Self {
        let services = services.into_iter().map(|service| (service.id.clone(), service)).collect();
        Self { services, limit_reasons: BTreeMap::new() }
    }

    /// The service with this id.
    pub fn get(&self, id: &ServiceId) -> Option<&Service> {
        self.services.get(id)
    }

    /// The service that somebody names by its id or its code. An id counts first: in old logs, a code can be the id of
    /// another service.
    pub fn find(&self, id_or_code: &str) -> Option<&Service> {
        let by_id = ServiceId::parse(id_or_code).ok().and_then(|id| self.get(&id));
        by_id.or_else(|| self.by_code(id_or_code))
    }

    /// Whether two names, each an id or a code, stand for one service.
    pub fn is_same(&self, one: &str, other: &str) -> bool {
        let find = |name| self.find(name).map(|service| &service.id);
        find(one) == find(other)
    }

    /// The service with this code.
    pub fn by_code(&self, code: &str) -> Option<&Service> {
        self.services.values().find(|service| &*service.code == code)
    }

    /// The service with this value of the old enum.
    pub fn by_legacy(&self, legacy: LegacyService) -> Option<&Service> {
        self.services.values().find(|service| service.legacy == Some(legacy))
    }

    /// Whether the legacy view can tell the bookings of a service from those of others. It shows the bookings of all services
    /// without an old value as those of `OTHER_CONSULTATION`.
    pub fn is_told_apart_by_legacy_view(&self, service: &Service) -> bool {
        match service.legacy {
            None => false,
            Some(LegacyService::FOR_NEW_SERVICES) => self.services.values().all(|own| own.legacy.is_some()),
            Some(_) => true,
        }
    }

    /// The reason of a service's limit, if one was given. A catalog from a view has none.
    pub fn limit_reason(&self, id: &ServiceId) -> Option<&str> {
        self.limit_reasons.get(id).map(|reason| &**reason)
    }

    /// All services in display order.
    pub fn in_order(&self) -> Vec<&Service> {
        let mut services: Vec<_> = self.services.values().collect();
        services.sort_by(|a, b| (a.display_order, &a.id).cmp(&(b.display_order, &b.id)));
        services
    }

    /// Number of services, active or not.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether no service was ever defined.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Applies one event. An event about an unknown service changes nothing.
    pub fn evolve(&mut self, event: &CatalogEvent) {
        match event {
            CatalogEvent::ServiceDefined(e) => {
                self.services.insert(e.service.clone(), Service::from(e));
            }
            CatalogEvent::ServiceRenamed(e) => self.change(&e.service, |service| {
                service.name = e.name.clone();
                service.name_en = e.name_en.clone();
                service.description = e.description.clone();
            }),
            CatalogEvent::ServiceRetimed(e) => self.change(&e.service, |service| {
                service.duration = e.duration;
                service.buffer = e.buffer;
            }),
            CatalogEvent::ServiceActivated(e) => self.change(&e.service, |service| service.is_active = true),
            CatalogEvent::ServiceDeactivated(e) => {
                self.change(&e.service, |service| service.is_active = false)
            }
            CatalogEvent::ServicesReordered(e) => {
                for (place, id) in (1..).zip(&e.order) {
                    self.change(id, |service| service.display_order = place);
                }
            }
            CatalogEvent::ServiceLimitSet(e) => {
                match e.reason.clone() {
                    Some(reason) => self.limit_reasons.insert(e.service.clone(), reason),
                    None => self.limit_reasons.remove(&e.service),
                };
                self.change(&e.service, |service| {
                    service.limit = Some(Limit {
                        daily_limit: e.daily_limit,
                        daily_limit_minutes: e.daily_limit_minutes,
                        is_active: e.is_active,
                    });
                });
            }
        }
    }

    fn change(&mut self, id: &ServiceId, change: impl FnOnce(&mut Service)) {
        if let Some(service) = self.services.get_mut(id) {
            change(service);
        }
    }
}

impl From<&super::event::ServiceDefined> for Service {
    fn from(defined: &super::event::ServiceDefined) -> Self {
        Self {
            id: defined.service.clone(),
            code: defined.code.clone(),
            legacy: defined.legacy,
            name: defined.name.clone(),
            name_en: defined.name_en.clone(),
            description: defined.description.clone(),
            category: defined.category.clone(),
            duration: defined.duration,
            buffer: defined.buffer,
            base_price: defined.base_price,
            is_active: true,
            display_order: defined.display_order,
            limit: None,
        }
    }
}
