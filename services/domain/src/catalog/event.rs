//! The events of the catalog. Names and fields are storage format and must never change.

#![expect(missing_docs, reason = "fields have the names of the storage format, which need no explanation")]

use serde::{Deserialize, Serialize};

use super::command::{check_limits, check_times};
use crate::id::ServiceId;
use crate::time::Minutes;
use crate::value::{Checks, Faults};
use crate::vocabulary::LegacyService;

/// An event of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogEvent {
    ServiceDefined(ServiceDefined),
    ServiceRenamed(ServiceRenamed),
    ServiceRetimed(ServiceRetimed),
    ServiceActivated(ServiceActivated),
    ServiceDeactivated(ServiceDeactivated),
    ServicesReordered(ServicesReordered),
    ServiceLimitSet(ServiceLimitSet),
}

/// A service was created, active and without a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDefined {
    pub service: ServiceId,
    /// Unique; 2 to 50 characters of `A`–`Z` and `_`.
    pub code: Box<str>,
    /// Its value in the old enum, if it has one.
    pub legacy: Option<LegacyService>,
    /// Korean; 2 to 100 characters.
    pub name: Box<str>,
    pub name_en: Option<Box<str>>,
    pub description: Option<Box<str>>,
    pub category: Option<Box<str>>,
    /// Treatment time, 10 to 480 minutes.
    pub duration: Minutes,
    /// Time after the treatment, 0 to 60 minutes.
    pub buffer: Minutes,
    /// In won, before extras.
    pub base_price: Option<u32>,
    /// From 1.
    pub display_order: u32,
}

/// A service's names or description changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRenamed {
    pub service: ServiceId,
    pub name: Box<str>,
    pub name_en: Option<Box<str>>,
    pub description: Option<Box<str>>,
}

/// A service's duration or buffer changed. Existing bookings keep theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRetimed {
    pub service: ServiceId,
    pub duration: Minutes,
    pub buffer: Minutes,
}

/// A service can be booked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceActivated {
    pub service: ServiceId,
}

/// A service cannot be booked any more. Its bookings stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDeactivated {
    pub service: ServiceId,
}

/// The display order of all services changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicesReordered {
    pub order: Vec<ServiceId>,
}

/// The daily limit of a service was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLimitSet {
    pub service: ServiceId,
    /// Bookings per day, for the legacy rules.
    pub daily_limit: u32,
    /// Minutes per day, for the dynamic rules.
    pub daily_limit_minutes: Option<Minutes>,
    /// Whether the limit applies.
    pub is_active: bool,
    pub reason: Option<Box<str>>,
}

impl CatalogEvent {
    /// Checks the numbers that were checked from the first release on. Prices were not.
    pub(crate) fn check_possible(&self) -> Result<(), Faults> {
        let mut checks = Checks::default();
        match self {
            Self::ServiceDefined(e) => check_times(&mut checks, e.duration, e.buffer),
            Self::ServiceRetimed(e) => check_times(&mut checks, e.duration, e.buffer),
            Self::ServiceLimitSet(e) => check_limits(&mut checks, e),
            Self::ServiceRenamed(_)
            | Self::ServiceActivated(_)
            | Self::ServiceDeactivated(_)
            | Self::ServicesReordered(_) => {}
        }
        checks.finish()
    }
}
