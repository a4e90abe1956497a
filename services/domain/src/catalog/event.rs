//! What happened in the catalog. Names and fields are storage format.

use serde::{Deserialize, Serialize};

use crate::id::ServiceId;
use crate::time::Minutes;
use crate::vocabulary::LegacyService;

/// Everything that can happen in the catalog.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogEvent {
    /// A service came into being.
    ServiceDefined(ServiceDefined),
    /// Its names or description changed.
    ServiceRenamed(ServiceRenamed),
    /// Its duration or buffer changed, for bookings from here on.
    ServiceRetimed(ServiceRetimed),
    /// It can be booked again.
    ServiceActivated(ServiceActivated),
    /// It can no longer be booked.
    ServiceDeactivated(ServiceDeactivated),
    /// The order in which services are shown.
    ServicesReordered(ServicesReordered),
    /// How much of it a day may hold.
    ServiceLimitSet(ServiceLimitSet),
}

/// A service came into being, active and without limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDefined {
    /// Its id for ever.
    pub service: ServiceId,
    /// Unique code, 2 to 50 of `A`–`Z` and `_`.
    pub code: Box<str>,
    /// The enum value that the old system has for it, if any.
    pub legacy: Option<LegacyService>,
    /// Korean name, 2 to 100 characters.
    pub name: Box<str>,
    /// English name.
    pub name_en: Option<Box<str>>,
    /// What it is, for booking pages.
    pub description: Option<Box<str>>,
    /// Group under which booking pages list it.
    pub category: Option<Box<str>>,
    /// Length of the treatment, 10 to 480 minutes.
    pub duration: Minutes,
    /// Time to clear up after it, 0 to 60 minutes.
    pub buffer: Minutes,
    /// Price in won before extras.
    pub base_price: Option<u32>,
    /// Place in the list, from 1.
    pub display_order: u32,
}

/// A service's names or description changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRenamed {
    /// Which service.
    pub service: ServiceId,
    /// Korean name from here on.
    pub name: Box<str>,
    /// English name from here on.
    pub name_en: Option<Box<str>>,
    /// Description from here on.
    pub description: Option<Box<str>>,
}

/// A service's duration or buffer changed. Bookings made before keep theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRetimed {
    /// Which service.
    pub service: ServiceId,
    /// Length of the treatment in minutes.
    pub duration: Minutes,
    /// Time to clear up in minutes.
    pub buffer: Minutes,
}

/// A service can be booked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceActivated {
    /// Which service.
    pub service: ServiceId,
}

/// A service can no longer be booked. Its bookings stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDeactivated {
    /// Which service.
    pub service: ServiceId,
}

/// The order in which services are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicesReordered {
    /// All services, first to last.
    pub order: Vec<ServiceId>,
}

/// How much of a service a day may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLimitSet {
    /// Which service.
    pub service: ServiceId,
    /// Bookings a day, as the legacy rules count them.
    pub daily_limit: u32,
    /// Minutes a day, as the dynamic rules count them.
    pub daily_limit_minutes: Option<Minutes>,
    /// Whether the limit is applied.
    pub is_active: bool,
    /// Why it was set.
    pub reason: Option<Box<str>>,
}
