//! Services, limits and clinic hours. There are few rows, which are all written again when one of them changes.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::catalog::{Catalog, CatalogEvent, Service};
use daybook_domain::hours::{ClinicSlot, Hours, HoursEvent};
use daybook_domain::time::DayOfWeek;
use daybook_domain::{LegacyService, ReadModel, ServiceId};
use serde::Serialize;

use crate::projection::change::EventMeta;

/// The catalog and the hours, with the timestamps that the tables show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reference {
    catalog: Catalog,
    hours: Hours,
    services: BTreeMap<ServiceId, Times>,
    limits: BTreeMap<ServiceId, LimitNote>,
    days: BTreeMap<DayOfWeek, Times>,
}

/// When something was created and last changed.
#[derive(Debug, Clone, Copy)]
struct Times {
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

/// The columns of a limit beside its numbers.
#[derive(Debug, Clone)]
struct LimitNote {
    times: Times,
    reason: Option<Box<str>>,
    updated_by: Box<str>,
}

/// The id of the row of a service's limit.
pub(crate) fn limit_id(service: &Service) -> String {
    format!("limit_{}", service.code.to_lowercase())
}

fn touch<K: Ord>(times: &mut BTreeMap<K, Times>, key: K, at: NaiveDateTime) {
    times.entry(key).or_insert(Times { created_at: at, updated_at: at }).updated_at = at;
}

impl Reference {
    /// The enum value of a service.
    pub(crate) fn legacy_value(&self, service: &str) -> Option<LegacyService> {
        let id = ServiceId::parse(service).ok()?;
        self.catalog.get(&id).and_then(|service| service.legacy)
    }

    /// Applies a change of the catalog.
    pub(crate) fn evolve_catalog(&mut self, event: &CatalogEvent, meta: &EventMeta) {
        self.catalog.evolve(event);
        match event {
            CatalogEvent::ServiceDefined(e) => touch(&mut self.services, e.service.clone(), meta.at),
            CatalogEvent::ServiceRenamed(e) => touch(&mut self.services, e.service.clone(), meta.at),
            CatalogEvent::ServiceRetimed(e) => touch(&mut self.services, e.service.clone(), meta.at),
            CatalogEvent::ServiceActivated(e) => touch(&mut self.services, e.service.clone(), meta.at),
            CatalogEvent::ServiceDeactivated(e) => touch(&mut self.services, e.service.clone(), meta.at),
            CatalogEvent::ServicesReordered(e) => {
                e.order.iter().for_each(|service| touch(&mut self.services, service.clone(), meta.at));
            }
            CatalogEvent::ServiceLimitSet(e) => {
                let created_at = self.limits.get(&e.service).map_or(meta.at, |note| note.times.created_at);
                let times = Times { created_at, updated_at: meta.at };
                let note =
                    LimitNote { times, reason: e.reason.clone(), updated_by: meta.actor.as_ref().into() };
                self.limits.insert(e.service.clone(), note);
            }
        }
    }

    /// Applies a change of the hours.
    pub(crate) fn evolve_hours(&mut self, event: &HoursEvent, meta: &EventMeta) {
        self.hours.evolve(event);
        match event {
            HoursEvent::ClinicHoursSet(e) => touch(&mut self.days, e.day_of_week, meta.at),
        }
    }

    /// The services of which a view has a row, in their order.
    pub(crate) fn services(&self, model: ReadModel) -> impl Iterator<Item = &Service> {
        let is_shown = move |service: &&Service| model == ReadModel::Dynamic || service.legacy.is_some();
        self.catalog.in_order().into_iter().filter(is_shown)
    }

    /// The opening hours of the week.
    pub(crate) fn opening_hours(&self) -> impl Iterator<Item = &ClinicSlot> {
        self.hours.week().map(|(_, slot)| slot)
    }

    /// Why a service's limit was set.
    pub(crate) fn limit_reason(&self, service: &Service) -> Option<&str> {
        self.limits.get(&service.id)?.reason.as_deref()
    }

    /// The rows of a view's reference tables as JSON for `json_populate_recordset`.
    pub(crate) fn tables(&self, model: ReadModel) -> Result<Vec<TableRows>, serde_json::Error> {
        let services: Vec<&Service> = self.services(model).collect();
        let service_rows: Vec<ServiceRow<'_>> = services
            .iter()
            .filter_map(|service| Some(ServiceRow::new(service, *self.services.get(&service.id)?)))
            .collect();
        let limit_rows: Vec<LimitRow<'_>> = services
            .iter()
            .filter_map(|service| LimitRow::new(service, self.limits.get(&service.id)?))
            .collect();
        let hours_rows: Vec<HoursRow<'_>> = self
            .hours
            .week()
            .filter_map(|(day, slot)| Some(HoursRow::new(day, slot, *self.days.get(&day)?)))
            .collect();
        Ok(vec![
            TableRows { table: "services", rows: serde_json::to_string(&service_rows)? },
            TableRows { table: "service_reservation_limits", rows: serde_json::to_string(&limit_rows)? },
            TableRows { table: "clinic_time_slots", rows: serde_json::to_string(&hours_rows)? },
        ])
    }
}

/// All rows of one table.
#[derive(Debug)]
pub(crate) struct TableRows {
    /// The table's name in its generation's schema.
    pub(crate) table: &'static str,
    /// A JSON array of its rows.
    pub(crate) rows: String,
}

/// A row of `services` with the columns of both views. Each table uses the columns that it has.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceRow<'a> {
    id: &'a ServiceId,
    service_type: Option<LegacyService>,
    legacy_service_type: Option<LegacyService>,
    code: &'a str,
    name: &'a str,
    name_en: Option<&'a str>,
    description: Option<&'a str>,
    category: Option<&'a str>,
    duration_minutes: u32,
    buffer_minutes: u32,
    base_price: Option<u32>,
    is_active: bool,
    is_visible: bool,
    display_order: u32,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

impl<'a> ServiceRow<'a> {
    fn new(service: &'a Service, times: Times) -> Self {
        Self {
            id: &service.id,
            service_type: service.legacy,
            legacy_service_type: service.legacy,
            code: &service.code,
            name: &service.name,
            name_en: service.name_en.as_deref(),
            description: service.description.as_deref(),
            category: service.category.as_deref(),
            duration_minutes: service.duration,
            buffer_minutes: service.buffer,
            base_price: service.base_price,
            is_active: service.is_active,
            is_visible: true,
            display_order: service.display_order,
            created_at: times.created_at,
            updated_at: times.updated_at,
        }
    }
}

/// A row of `service_reservation_limits`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LimitRow<'a> {
    id: String,
    service_type: Option<LegacyService>,
    service_id: &'a ServiceId,
    is_active: bool,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
    daily_limit: u32,
    daily_limit_minutes: Option<u32>,
    reason: Option<&'a str>,
    updated_by: &'a str,
}

impl<'a> LimitRow<'a> {
    fn new(service: &'a Service, note: &'a LimitNote) -> Option<Self> {
        let limit = service.limit?;
        Some(Self {
            id: limit_id(service),
            service_type: service.legacy,
            service_id: &service.id,
            is_active: limit.is_active,
            created_at: note.times.created_at,
            updated_at: note.times.updated_at,
            daily_limit: limit.daily_limit,
            daily_limit_minutes: limit.daily_limit_minutes,
            reason: note.reason.as_deref(),
            updated_by: &note.updated_by,
        })
    }
}

/// A row of `clinic_time_slots`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HoursRow<'a> {
    id: &'a str,
    day_of_week: u8,
    period: &'static str,
    start_time: String,
    end_time: String,
    total_minutes: u32,
    is_active: bool,
    slot_interval: u32,
    max_concurrent: u32,
    service_id: Option<&'a ServiceId>,
    effective_from: Option<NaiveDate>,
    effective_until: Option<NaiveDate>,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

impl<'a> HoursRow<'a> {
    fn new(day: DayOfWeek, slot: &'a ClinicSlot, times: Times) -> Self {
        Self {
            id: slot.id.as_str(),
            day_of_week: day.number(),
            period: slot.period.as_str(),
            start_time: slot.span.start.to_string(),
            end_time: slot.span.end.to_string(),
            total_minutes: slot.span.minutes(),
            is_active: true,
            slot_interval: slot.slot_interval,
            max_concurrent: slot.max_concurrent,
            service_id: slot.service.as_ref(),
            effective_from: slot.effective_from,
            effective_until: slot.effective_until,
            created_at: times.created_at,
            updated_at: times.updated_at,
        }
    }
}
