//! Changes of some values of a service. The values that stay are those of the state that decides, so that of two changes at
//! the same time neither undoes the other.

use super::command::{CatalogRejection as No, check_names, check_times};
use super::event::{
    CatalogEvent, ServiceActivated, ServiceDeactivated, ServiceLimitSet, ServiceRenamed, ServiceRetimed,
};
use super::state::{Catalog, Service};
use crate::id::ServiceId;
use crate::time::Minutes;
use crate::value::Checks;

/// A change of some values of a service. What is none stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceChange {
    pub service: ServiceId,
    pub name: Option<Box<str>>,
    /// `Some(None)` removes it.
    pub name_en: Option<Option<Box<str>>>,
    /// `Some(None)` removes it.
    pub description: Option<Option<Box<str>>>,
    pub duration: Option<Minutes>,
    pub buffer: Option<Minutes>,
    pub is_active: Option<bool>,
}

/// A change of some values of a service's limit. What is none stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitChange {
    pub service: ServiceId,
    pub daily_limit: Option<u32>,
    /// `Some(None)` removes it.
    pub daily_limit_minutes: Option<Option<Minutes>>,
    pub is_active: Option<bool>,
    /// The reason of this change. Without one, the limit has none from now on.
    pub reason: Option<Box<str>>,
}

impl ServiceChange {
    /// A change of nothing.
    pub const fn none(service: ServiceId) -> Self {
        Self {
            service,
            name: None,
            name_en: None,
            description: None,
            duration: None,
            buffer: None,
            is_active: None,
        }
    }

    /// The new names, if one of them is given.
    fn renamed(&self, current: &Service) -> Option<ServiceRenamed> {
        let is_given = self.name.is_some() || self.name_en.is_some() || self.description.is_some();
        is_given.then(|| ServiceRenamed {
            service: self.service.clone(),
            name: self.name.clone().unwrap_or_else(|| current.name.clone()),
            name_en: self.name_en.clone().unwrap_or_else(|| current.name_en.clone()),
            description: self.description.clone().unwrap_or_else(|| current.description.clone()),
        })
    }

    /// The new times, if one of them is given.
    fn retimed(&self, current: &Service) -> Option<ServiceRetimed> {
        (self.duration.is_some() || self.buffer.is_some()).then(|| ServiceRetimed {
            service: self.service.clone(),
            duration: self.duration.unwrap_or(current.duration),
            buffer: self.buffer.unwrap_or(current.buffer),
        })
    }
}

impl LimitChange {
    /// A change of nothing.
    pub const fn none(service: ServiceId) -> Self {
        Self { service, daily_limit: None, daily_limit_minutes: None, is_active: None, reason: None }
    }
}

impl Catalog {
    /// The events of a change, after all of its values are checked.
    pub(super) fn change_service(&self, change: ServiceChange) -> Result<Vec<CatalogEvent>, No> {
        let current = self.existing(&change.service)?;
        let (renamed, retimed) = (change.renamed(current), change.retimed(current));
        let mut checks = Checks::default();
        if let Some(renamed) = &renamed {
            check_names(
                &mut checks,
                &renamed.name,
                renamed.name_en.as_deref(),
                renamed.description.as_deref(),
            );
        }
        if let Some(retimed) = &retimed {
            check_times(&mut checks, retimed.duration, retimed.buffer);
        }
        checks.finish()?;
        let renamed = renamed.map_or(Ok(None), |renamed| self.rename(renamed))?;
        let retimed = retimed.map_or(Ok(None), |retimed| self.retime(retimed))?;
        let switched = change.is_active.filter(|wanted| *wanted != current.is_active);
        let switched = switched.map(|is_active| match (is_active, change.service) {
            (true, service) => CatalogEvent::ServiceActivated(ServiceActivated { service }),
            (false, service) => CatalogEvent::ServiceDeactivated(ServiceDeactivated { service }),
        });
        Ok([renamed, retimed, switched].into_iter().flatten().collect())
    }

    /// The whole limit after a change.
    pub(super) fn changed_limit(&self, change: LimitChange) -> Result<ServiceLimitSet, No> {
        let current = self.existing(&change.service)?.limit;
        let daily_limit = change.daily_limit.or(current.map(|limit| limit.daily_limit));
        let current_minutes = current.and_then(|limit| limit.daily_limit_minutes);
        Ok(ServiceLimitSet {
            daily_limit: daily_limit.ok_or(No::LimitMissing)?,
            daily_limit_minutes: change.daily_limit_minutes.unwrap_or(current_minutes),
            is_active: change.is_active.or(current.map(|limit| limit.is_active)).unwrap_or(true),
            service: change.service,
            reason: change.reason,
        })
    }
}
