//! Days of a view: bookings, closures, hours and the catalog as the rules need them.
//!
//! Available times are computed from these with the domain's own rules.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use daybook_domain::catalog::{Catalog, Limit, Service};
use daybook_domain::hours::{ClinicSlot, Hours};
use daybook_domain::requested_time;
use daybook_domain::schedule::{Booking, Closure, DaySchedule, SlotAssignment};
use daybook_domain::time::{DayOfWeek, Span};
use daybook_domain::{
    ClockTime, ClosureId, HoursId, LegacyService, Period, ReadModel, ReservationId, ServiceId, Status,
    SubjectId,
};
use deadpool_postgres::Transaction;
use serde::Deserialize;
use tokio_postgres::Row;
use uuid::Uuid;

use super::pipelined_pool::Query;
use super::{Queries, QueryResult, position, with_position};
use crate::control::error::ViewError;
use crate::control::ids::Generation;
use crate::store::rows::read_json;

/// One day of a view.
#[derive(Debug, Clone)]
pub struct DayView {
    /// Bookings and closures.
    pub book: DaySchedule,
    /// The day's closures with their ids, by which they are lifted.
    pub closed: Vec<ClosedTime>,
}

/// A closure that is in force.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct ClosedTime {
    pub id: ClosureId,
    pub closure: Closure,
    /// Who closed it.
    pub created_by: String,
}

/// Days of a view, with the catalog and the hours at the same position.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct Days {
    pub catalog: Catalog,
    pub hours: Hours,
    /// The requested days in order, including days without bookings.
    pub sheets: BTreeMap<NaiveDate, DayView>,
}

const SERVICES_LEGACY: &str = r#"SELECT s.id, s.code, s."serviceType"::text AS legacy, s.name, s."nameEn",
    s.description, s.category, s."durationMinutes", s."bufferMinutes", s."basePrice", s."isActive", s."displayOrder",
    l."dailyLimit", l."dailyLimitMinutes", l."isActive" AS "limitActive"
  FROM {schema}.services s LEFT JOIN {schema}.service_reservation_limits l ON l."serviceType" = s."serviceType""#;

const SERVICES_DYNAMIC: &str = r#"SELECT s.id, s.code, s."legacyServiceType" AS legacy, s.name, s."nameEn",
    s.description, s.category, s."durationMinutes", s."bufferMinutes", s."basePrice", s."isActive", s."displayOrder",
    l."dailyLimit", l."dailyLimitMinutes", l."isActive" AS "limitActive"
  FROM {schema}.services s LEFT JOIN {schema}.service_reservation_limits l ON l."serviceId" = s.id
  WHERE s."deletedAt" IS NULL"#;

const BOOKINGS_LEGACY: &str = r#"SELECT id, subject, "preferredDate" AS date, service::text AS service, minutes,
    CASE WHEN "readAs" IS NULL THEN "preferredTime" END AS text,
    CASE WHEN "readAs" LIKE '%:%' THEN "readAs" END AS start,
    CASE WHEN "readAs" IN ('MORNING', 'AFTERNOON') THEN "readAs" END AS period, status::text, version
  FROM {schema}.reservations WHERE "preferredDate" BETWEEN $1 AND $2"#;

const BOOKINGS_DYNAMIC: &str = r#"SELECT id, subject, "preferredDate" AS date, "serviceId" AS service,
    "estimatedDuration" AS minutes, NULL AS text, "timeSlotStart" AS start, period::text, status::text,
    version
  FROM {schema}.reservations WHERE "preferredDate" BETWEEN $1 AND $2"#;

const HOURS: &str = r#"SELECT * FROM {schema}.clinic_time_slots WHERE "isActive""#;

const CLOSURES: &str =
    r#"SELECT * FROM {schema}.manual_time_closures WHERE "isActive" AND date BETWEEN $1 AND $2"#;

/// Wraps the rows of a query into one JSON text.
fn as_json(rows: &str, name: &str) -> String {
    format!("COALESCE((SELECT json_agg({name}) FROM ({rows}) {name}), '[]')::text AS {name}")
}

fn services_of(generation: Generation) -> &'static str {
    match generation.model {
        ReadModel::Legacy => SERVICES_LEGACY,
        ReadModel::Dynamic => SERVICES_DYNAMIC,
    }
}

const CATALOG: Query = Query {
    name: "catalog",
    text: |generation| {
        let rows = format!("SELECT {}", as_json(services_of(generation), "services"));
        with_position(generation, &rows.replace("{schema}", &generation.schema()))
    },
};

const DAYS: Query = Query {
    name: "days",
    text: |generation| {
        let bookings = match generation.model {
            ReadModel::Legacy => BOOKINGS_LEGACY,
            ReadModel::Dynamic => BOOKINGS_DYNAMIC,
        };
        let rows = format!(
            "SELECT {}, {}, {}, {}",
            as_json(services_of(generation), "services"),
            as_json(HOURS, "hours"),
            as_json(bookings, "bookings"),
            as_json(CLOSURES, "closures")
        );
        with_position(generation, &rows.replace("{schema}", &generation.schema()))
    },
};

impl Queries {
    /// The catalog of services.
    pub async fn catalog(&self, generation: Generation) -> Result<QueryResult<Catalog>, ViewError> {
        let rows = self.connections.ask(&CATALOG, generation, &[]).await?;
        let position = position(&rows, generation)?;
        let row = rows.first().ok_or(ViewError::NotLive { model: generation.model })?;
        Ok(QueryResult { value: catalog(row.try_get(1)?, generation)?, generation, position })
    }

    /// The days of an inclusive range, with the catalog and the hours.
    pub async fn days(
        &self,
        generation: Generation,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<QueryResult<Days>, ViewError> {
        let rows = self.connections.ask(&DAYS, generation, &[&from, &to]).await?;
        read_days(&rows, generation, from, to)
    }
}

/// The same in a snapshot; see [`Queries::days`].
pub async fn days_in(
    snapshot: &Transaction<'_>,
    generation: Generation,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Days, ViewError> {
    let statement = snapshot.prepare_cached(&(DAYS.text)(generation)).await?;
    let rows = snapshot.query(&statement, &[&from, &to]).await?;
    Ok(read_days(&rows, generation, from, to)?.value)
}

fn read_days(
    rows: &[Row],
    generation: Generation,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<QueryResult<Days>, ViewError> {
    let position = position(rows, generation)?;
    let row = rows.first().ok_or(ViewError::NotLive { model: generation.model })?;
    let catalog = catalog(row.try_get(1)?, generation)?;
    let hours = hours(read_json(row.try_get(2)?, generation)?);
    let bookings: Vec<BookingRow> = read_json(row.try_get(3)?, generation)?;
    let closures: Vec<ClosureJson> = read_json(row.try_get(4)?, generation)?;
    let sheets =
        sheets(from, to, bookings, closures, &catalog, &hours).ok_or(ViewError::Row { generation })?;
    Ok(QueryResult { value: Days { catalog, hours, sheets }, generation, position })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceRow {
    id: ServiceId,
    code: Box<str>,
    legacy: Option<LegacyService>,
    name: Box<str>,
    name_en: Option<Box<str>>,
    description: Option<Box<str>>,
    category: Option<Box<str>>,
    duration_minutes: u32,
    buffer_minutes: u32,
    base_price: Option<u32>,
    is_active: bool,
    display_order: u32,
    daily_limit: Option<u32>,
    daily_limit_minutes: Option<u32>,
    limit_active: Option<bool>,
}

fn catalog(json: &str, generation: Generation) -> Result<Catalog, ViewError> {
    let rows: Vec<ServiceRow> = read_json(json, generation)?;
    Ok(Catalog::from_services(rows.into_iter().map(|row| Service {
        limit: row.daily_limit.map(|daily_limit| Limit {
            daily_limit,
            daily_limit_minutes: row.daily_limit_minutes,
            is_active: row.limit_active.unwrap_or(false),
        }),
        id: row.id,
        code: row.code,
        legacy: row.legacy,
        name: row.name,
        name_en: row.name_en,
        description: row.description,
        category: row.category,
        duration: row.duration_minutes,
        buffer: row.buffer_minutes,
        base_price: row.base_price,
        is_active: row.is_active,
        display_order: row.display_order,
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HoursRow {
    id: HoursId,
    day_of_week: DayOfWeek,
    period: Period,
    start_time: ClockTime,
    end_time: ClockTime,
    slot_interval: u32,
    max_concurrent: u32,
    service_id: Option<ServiceId>,
    effective_from: Option<NaiveDate>,
    effective_until: Option<NaiveDate>,
}

fn hours(rows: Vec<HoursRow>) -> Hours {
    Hours::from_week(rows.into_iter().map(|row| {
        let slot = ClinicSlot {
            id: row.id,
            period: row.period,
            span: Span { start: row.start_time, end: row.end_time },
            slot_interval: row.slot_interval,
            max_concurrent: row.max_concurrent,
            service: row.service_id,
            effective_from: row.effective_from,
            effective_until: row.effective_until,
        };
        (row.day_of_week, slot)
    }))
}

#[derive(Deserialize)]
struct BookingRow {
    id: ReservationId,
    subject: Uuid,
    date: NaiveDate,
    service: String,
    minutes: u32,
    text: Option<String>,
    start: Option<ClockTime>,
    period: Option<Period>,
    status: Status,
    version: u32,
}

impl BookingRow {
    fn slot_assignment(&self, hours: &Hours) -> SlotAssignment {
        match (self.start, self.period) {
            (Some(start), Some(period)) => SlotAssignment::At { start, period },
            (Some(start), None) => SlotAssignment::at(start, hours, self.date),
            (None, Some(period)) => SlotAssignment::Period(period),
            (None, None) => SlotAssignment::from_parsed(
                requested_time::parse_stored(self.text.as_deref().unwrap_or_default()),
                hours,
                self.date,
            ),
        }
    }

    /// The booking as the rules need it; none if the id of its service is invalid.
    fn booking(
        &self,
        by_enum: &HashMap<&str, &ServiceId>,
        catalog: &Catalog,
        hours: &Hours,
    ) -> Option<Booking> {
        let service = match by_enum.get(self.service.as_str()) {
            Some(id) => (*id).clone(),
            None => ServiceId::parse(self.service.as_str()).ok()?,
        };
        let placement = self.slot_assignment(hours);
        let old_value = catalog.get(&service).and_then(|service| service.legacy);
        Some(Booking {
            subject: SubjectId::from_bytes(*self.subject.as_bytes()),
            service,
            shown_as: old_value.unwrap_or(LegacyService::FOR_NEW_SERVICES),
            total_minutes: self.minutes,
            treatment: None,
            placement,
            is_reviewable: matches!(placement, SlotAssignment::Review(_)),
            status: self.status,
            status_reason: None,
            version: self.version,
            fingerprint: None,
            patient: None,
            stranger: None,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClosureJson {
    id: ClosureId,
    date: NaiveDate,
    start_time: ClockTime,
    end_time: ClockTime,
    service_id: Option<ServiceId>,
    reason: Option<Box<str>>,
    created_by: String,
}

/// Assembles the days; none if a row's service is invalid.
fn sheets(
    from: NaiveDate,
    to: NaiveDate,
    bookings: Vec<BookingRow>,
    closures: Vec<ClosureJson>,
    catalog: &Catalog,
    hours: &Hours,
) -> Option<BTreeMap<NaiveDate, DayView>> {
    let in_order = catalog.in_order();
    let by_enum: HashMap<&str, &ServiceId> =
        in_order.iter().filter_map(|service| Some((service.legacy?.as_str(), &service.id))).collect();
    let mut booked: BTreeMap<NaiveDate, Vec<(ReservationId, Booking)>> = BTreeMap::new();
    for row in bookings {
        let booking = row.booking(&by_enum, catalog, hours)?;
        booked.entry(row.date).or_default().push((row.id, booking));
    }
    let mut closed: BTreeMap<NaiveDate, Vec<ClosedTime>> = BTreeMap::new();
    for row in closures {
        let span = Span { start: row.start_time, end: row.end_time };
        let closure = Closure { span, service: row.service_id, reason: row.reason, fingerprint: None };
        closed.entry(row.date).or_default().push(ClosedTime {
            id: row.id,
            closure,
            created_by: row.created_by,
        });
    }
    let sheet = |date: NaiveDate| {
        let closed = closed.remove(&date).unwrap_or_default();
        let closures = closed.iter().map(|closed| (closed.id.clone(), closed.closure.clone()));
        let book = DaySchedule::from_bookings(date, booked.remove(&date).unwrap_or_default(), closures);
        (date, DayView { book, closed })
    };
    Some(from.iter_days().take_while(|date| *date <= to).map(sheet).collect())
}
