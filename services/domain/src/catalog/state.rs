//! The catalog as its events left it.

use std::collections::BTreeMap;

use super::event::CatalogEvent;
use crate::id::ServiceId;
use crate::time::Minutes;
use crate::vocabulary::LegacyService;

/// A service as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its id for ever.
    pub id: ServiceId,
    /// Unique code.
    pub code: Box<str>,
    /// The enum value that the old system has for it, if any.
    pub legacy: Option<LegacyService>,
    /// Korean name.
    pub name: Box<str>,
    /// English name.
    pub name_en: Option<Box<str>>,
    /// What it is.
    pub description: Option<Box<str>>,
    /// Group in lists.
    pub category: Option<Box<str>>,
    /// Length of the treatment in minutes.
    pub duration: Minutes,
    /// Time to clear up in minutes.
    pub buffer: Minutes,
    /// Price in won.
    pub base_price: Option<u32>,
    /// Whether it can be booked.
    pub is_active: bool,
    /// Place in lists, from 1.
    pub display_order: u32,
    /// How much of it a day may hold.
    pub limit: Option<Limit>,
}

impl Service {
    /// Minutes that a booking takes up: treatment and clearing up.
    pub const fn total_minutes(&self) -> Minutes {
        self.duration + self.buffer
    }
}

/// How much of a service a day may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Bookings a day, as the legacy rules count them.
    pub daily_limit: u32,
    /// Minutes a day, as the dynamic rules count them.
    pub daily_limit_minutes: Option<Minutes>,
    /// Whether the limit is applied.
    pub is_active: bool,
}

/// All services of the clinic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    services: BTreeMap<ServiceId, Service>,
}

impl Catalog {
    /// A catalog of services as a view holds them, for searching with the rules that also judge.
    pub fn of(services: impl IntoIterator<Item = Service>) -> Self {
        Self { services: services.into_iter().map(|service| (service.id.clone(), service)).collect() }
    }

    /// The service of this id.
    pub fn get(&self, id: &ServiceId) -> Option<&Service> {
        self.services.get(id)
    }

    /// The service of this code.
    pub fn by_code(&self, code: &str) -> Option<&Service> {
        self.services.values().find(|service| &*service.code == code)
    }

    /// The service that stands for this enum value.
    pub fn by_legacy(&self, legacy: LegacyService) -> Option<&Service> {
        self.services.values().find(|service| service.legacy == Some(legacy))
    }

    /// All services in the order in which they are shown.
    pub fn in_order(&self) -> Vec<&Service> {
        let mut services: Vec<_> = self.services.values().collect();
        services.sort_by(|a, b| (a.display_order, &a.id).cmp(&(b.display_order, &b.id)));
        services
    }

    /// Whether nothing was ever defined.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Takes in one event. Total: an event about a service that is not there changes nothing.
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
            CatalogEvent::ServiceLimitSet(e) => self.change(&e.service, |service| {
                service.limit = Some(Limit {
                    daily_limit: e.daily_limit,
                    daily_limit_minutes: e.daily_limit_minutes,
                    is_active: e.is_active,
                });
            }),
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
