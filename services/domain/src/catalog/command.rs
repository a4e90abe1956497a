//! The commands on the catalog, and their decisions. A command whose effect exists already causes no event.

#![expect(missing_docs, reason = "most fields of a service need no explanation")]

use super::change::{LimitChange, ServiceChange};
use super::event::{
    CatalogEvent, ServiceActivated, ServiceDeactivated, ServiceLimitSet, ServiceRenamed, ServiceRetimed,
    ServicesReordered,
};
use super::state::{Catalog, Limit, Service};
use crate::id::ServiceId;
use crate::time::Minutes;
use crate::value::{self, Checks, Faults};
use crate::vocabulary::LegacyService;

/// A service to create: [`ServiceDefined`](super::ServiceDefined) without its display order, which the catalog assigns.
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
    /// Change several values of a service at once: all of them or none.
    ChangeService(ServiceChange),
    /// Set the display order of all services.
    ReorderServices(Vec<ServiceId>),
    SetServiceLimit(ServiceLimitSet),
    /// Change some values of a service's limit.
    ChangeServiceLimit(LimitChange),
}

/// The business fact that prevented a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogRejection {
    /// The code belongs to another service, or to a service with other values. An id counts as a code, because clients
    /// name a service by either.
    #[error("the code {0} belongs to a service with other values; change that service, or use another code")]
    CodeTaken(Box<str>),
    /// The enum value belongs to another service.
    #[error("the enum value {0} belongs to another service")]
    LegacyValueTaken(LegacyService),
    /// The id belongs to another service as its id or its code.
    #[error(
        "the id {0} belongs to another service as its id or code; change that service, or use another id"
    )]
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
    /// The service has no limit yet, so its first one needs a number of bookings.
    #[error("the first limit of a service needs a dailyLimit")]
    LimitMissing,
}

use CatalogRejection as No;

impl Catalog {
    /// Decides a command: its events (none if its effect exists already), or a rejection.
    pub fn decide(&self, command: CatalogCommand) -> Result<Vec<CatalogEvent>, No> {
        let event = match command {
            CatalogCommand::DefineService(draft) => self.define(draft)?,
            CatalogCommand::RenameService(renamed) => self.rename(renamed)?,
            CatalogCommand::RetimeService(retimed) => self.retime(retimed)?,
            CatalogCommand::ActivateService(service) => (!self.existing(&service)?.is_active)
                .then_some(CatalogEvent::ServiceActivated(ServiceActivated { service })),
            CatalogCommand::DeactivateService(service) => self
                .existing(&service)?
                .is_active
                .then_some(CatalogEvent::ServiceDeactivated(ServiceDeactivated { service })),
            CatalogCommand::ChangeService(change) => return self.change_service(change),
            CatalogCommand::ReorderServices(order) => self.reorder(order)?,
            CatalogCommand::SetServiceLimit(limit) => self.set_limit(limit)?,
            CatalogCommand::ChangeServiceLimit(change) => self.set_limit(self.changed_limit(change)?)?,
        };
        Ok(event.into_iter().collect())
    }

    pub(super) fn existing(&self, id: &ServiceId) -> Result<&Service, No> {
        self.get(id).ok_or_else(|| No::ServiceNotFound(id.clone()))
    }

    pub(super) fn rename(&self, renamed: ServiceRenamed) -> Result<Option<CatalogEvent>, No> {
        let service = self.existing(&renamed.service)?;
        let mut checks = Checks::default();
        check_names(&mut checks, &renamed.name, renamed.name_en.as_deref(), renamed.description.as_deref());
        checks.finish()?;
        let same = (&service.name, &service.name_en, &service.description)
            == (&renamed.name, &renamed.name_en, &renamed.description);
        Ok((!same).then_some(CatalogEvent::ServiceRenamed(renamed)))
    }

    pub(super) fn retime(&self, retimed: ServiceRetimed) -> Result<Option<CatalogEvent>, No> {
        let service = self.existing(&retimed.service)?;
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
        let service = self.existing(&limit_set.service)?;
        let mut checks = Checks::default();
        check_limits(&mut checks, &limit_set);
        checks
            .check_some("reason", limit_set.reason.as_deref(), |reason| value::DESCRIPTION.check(reason))
            .finish()?;
        let limit = Limit {
            daily_limit: limit_set.daily_limit,
            daily_limit_minutes: limit_set.daily_limit_minutes,
            is_active: limit_set.is_active,
        };
        let reason = limit_set.reason.as_deref();
        let same_reason = reason.is_none() || reason == self.limit_reason(&limit_set.service);
        let same = service.limit == Some(limit) && same_reason;
        Ok((!same).then_some(CatalogEvent::ServiceLimitSet(limit_set)))
    }
}

pub(super) fn check_names(checks: &mut Checks, name: &str, name_en: Option<&str>, description: Option<&str>) {
    checks
        .check("name", value::SERVICE_NAME.check(name))
        .check_some("nameEn", name_en, |text| value::SERVICE_LABEL.check(text))
        .check_some("description", description, |text| value::DESCRIPTION.check(text));
}

pub(super) fn check_limits(checks: &mut Checks, limit_set: &ServiceLimitSet) {
    let minutes = limit_set.daily_limit_minutes;
    checks.check("dailyLimit", value::DAILY_LIMIT.check(limit_set.daily_limit)).check_some(
        "dailyLimitMinutes",
        minutes,
        |minutes| value::DAILY_LIMIT_MINUTES.check(minutes),
    );
}

pub(super) fn check_times(checks: &mut Checks, duration: Minutes, buffer: Minutes) {
    checks
        .check("durationMinutes", value::DURATION.check(duration))
        .check("bufferMinutes", value::BUFFER.check(buffer));
}
