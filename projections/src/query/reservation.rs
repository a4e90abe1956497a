//! Reservations: one by id, a patient's latest, and the staff's list. Both views answer in one shape.

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::{LegacyService, Period, ReadModel, ReservationId, Status, SubjectId};
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::lanes::Query;
use super::{Answer, Queries, position, with_position};
use crate::ViewError;
use crate::generation::Generation;

/// A reservation as a view shows it. What only the other view knows is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reservation {
    /// Its id.
    pub id: String,
    /// The patient's name, or [`crate::ERASED`].
    pub patient_name: String,
    /// The phone number as it was typed, or [`crate::ERASED`].
    pub phone: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// The date of birth; none once forgotten.
    pub birth_date: Option<NaiveDate>,
    /// `MALE` or `FEMALE`; none once forgotten.
    pub gender: Option<String>,
    /// `FIRST_VISIT` or `FOLLOW_UP`; none once forgotten.
    pub treatment_type: Option<String>,
    /// Its day.
    pub preferred_date: NaiveDate,
    /// Its time as text: what was typed, else a time, 오전 or 오후.
    pub preferred_time: String,
    /// The half of the day, where the dynamic view knows it.
    pub period: Option<String>,
    /// Start of its slot, `HH:MM`, where the dynamic view knows it.
    pub time_slot_start: Option<String>,
    /// End of its slot, `HH:MM`, where the dynamic view knows it.
    pub time_slot_end: Option<String>,
    /// The enum value of its service, where it has one.
    pub service: Option<LegacyService>,
    /// Id of its service.
    pub service_id: Option<String>,
    /// Code of its service.
    pub service_code: Option<String>,
    /// Name of its service.
    pub service_name: Option<String>,
    /// Minutes it takes up: treatment and clearing up.
    pub estimated_duration: i32,
    /// Where it stands.
    pub status: Status,
    /// The patient's notes.
    pub notes: Option<String>,
    /// The staff's note.
    pub admin_notes: Option<String>,
    /// When it was made, UTC.
    pub created_at: NaiveDateTime,
    /// When it last changed, UTC.
    pub updated_at: NaiveDateTime,
    /// When its status last changed, UTC.
    pub status_changed_at: NaiveDateTime,
    /// Who last changed its status.
    pub status_changed_by: Option<String>,
    /// Number of events that made it what it is; the same in both views.
    pub version: u32,
    /// Whose it is.
    #[serde(skip)]
    pub subject: SubjectId,
}

/// The same columns from either view; the reservation's own are also at hand as `r`.
const fn selection(model: ReadModel) -> &'static str {
    match model {
        ReadModel::Legacy => {
            r#"SELECT r.id, r."patientName", r.phone, r.email, r."birthDate"::date AS "birthDate", r.gender::text,
                r."treatmentType"::text, r."preferredDate", r."preferredTime", NULL::text AS period,
                NULL::text AS "timeSlotStart", NULL::text AS "timeSlotEnd", r.service::text AS "legacyService",
                s.id AS "serviceId", s.code AS "serviceCode", s.name AS "serviceName", r.minutes, r.status::text,
                r.notes, r."adminNotes", r."createdAt", r."updatedAt", r."statusChangedAt", r."statusChangedBy",
                r.version, r.subject
             FROM {schema}.reservations r LEFT JOIN {schema}.services s ON s."serviceType" = r.service"#
        }
        ReadModel::Dynamic => {
            r#"SELECT r.id, r."patientName", r.phone, r.email, r."birthDate"::date AS "birthDate", r.gender::text,
                r."treatmentType"::text, r."preferredDate",
                COALESCE(r."timeSlotStart", CASE r.period::text WHEN 'MORNING' THEN '오전' WHEN 'AFTERNOON' THEN '오후'
                    ELSE r."requestedTime" END, '') AS "preferredTime",
                r.period::text, r."timeSlotStart", r."timeSlotEnd", s."legacyServiceType" AS "legacyService",
                r."serviceId", s.code AS "serviceCode", r."serviceName", r."estimatedDuration" AS minutes,
                r.status::text, r.notes, r."adminNotes", r."createdAt", r."updatedAt", r."statusChangedAt",
                r."statusChangedBy", r.version, r.subject
             FROM {schema}.reservations r LEFT JOIN {schema}.services s ON s.id = r."serviceId""#
        }
    }
}

fn select(generation: Generation, condition: &str) -> String {
    let rows =
        format!("{} {condition}", selection(generation.model)).replace("{schema}", &generation.schema());
    with_position(generation, &rows)
}

const BY_ID: Query =
    Query { name: "reservation_by_id", text: |generation| select(generation, "WHERE r.id = $1") };

const BY_SUBJECT: Query = Query {
    name: "reservations_by_subject",
    text: |generation| {
        let condition =
            r#"WHERE r.subject = $1 AND r."createdAt" >= $2 ORDER BY r."createdAt" DESC, r.id LIMIT $3"#;
        select(generation, condition)
    },
};

/// Which reservations the staff's list shows. Each condition that is given narrows it.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Of this day.
    pub date: Option<NaiveDate>,
    /// Of this status.
    pub status: Option<Status>,
    /// Of the service of this code.
    pub service_code: Option<String>,
    /// In this half of the day; only the dynamic view knows it.
    pub period: Option<Period>,
    /// Whose name or phone number contains this.
    pub search: Option<String>,
    /// Rows to pass over.
    pub offset: i64,
    /// Rows to give, at most.
    pub limit: i64,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// Rows in the whole list.
    pub total: i64,
}

impl Queries {
    /// One reservation by its id.
    pub async fn reservation(
        &self,
        generation: Generation,
        id: &ReservationId,
    ) -> Result<Answer<Option<Reservation>>, ViewError> {
        let rows = self.lanes.ask(&BY_ID, generation, &[&id.as_str()]).await?;
        let reservations = answer(&rows, generation)?;
        Ok(reservations.map(|mut found| found.pop()))
    }

    /// A patient's latest reservations that were made since a time, newest first.
    pub async fn reservations_of(
        &self,
        generation: Generation,
        subject: SubjectId,
        since: NaiveDateTime,
        most: i64,
    ) -> Result<Answer<Vec<Reservation>>, ViewError> {
        let subject = Uuid::from_bytes(*subject.as_bytes());
        let rows = self.lanes.ask(&BY_SUBJECT, generation, &[&subject, &since, &most]).await?;
        answer(&rows, generation)
    }

    /// A page of the staff's list, by day and time of making.
    pub async fn list(
        &self,
        generation: Generation,
        filter: &ListFilter,
    ) -> Result<Answer<Page<Reservation>>, ViewError> {
        let (condition, parameters) = conditions(generation, filter);
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| &**value as _).collect();
        let counted =
            format!("SELECT count(*) AS total FROM ({} {condition}) matching", selection(generation.model));
        let counted = with_position(generation, &counted.replace("{schema}", &generation.schema()));
        let order = format!(r#"{condition} ORDER BY r."preferredDate" DESC, r."createdAt" DESC, r.id"#);
        let paged = format!("{order} LIMIT {} OFFSET {}", filter.limit.max(0), filter.offset.max(0));
        let mut client = self.pool.get().await?;
        let snapshot = client
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let total: i64 = snapshot.query_one(&counted, &parameters).await?.try_get("total")?;
        let rows = snapshot.query(&select(generation, &paged), &parameters).await?;
        Ok(answer(&rows, generation)?.map(|items| Page { items, total }))
    }
}

type Parameter = Box<dyn ToSql + Sync + Send>;

/// The conditions of a list as SQL, and their parameters.
fn conditions(generation: Generation, filter: &ListFilter) -> (String, Vec<Parameter>) {
    let mut texts: Vec<String> = vec!["true".to_owned()];
    let mut parameters: Vec<Parameter> = Vec::new();
    let mut add = |condition: &str, value: Parameter| {
        parameters.push(value);
        texts.push(condition.replace("{n}", &format!("${}", parameters.len())));
    };
    if let Some(date) = filter.date {
        add(r#"r."preferredDate" = {n}"#, Box::new(date));
    }
    if let Some(status) = filter.status {
        add(r#"r.status = {n}::text::{schema}."ReservationStatus""#, Box::new(status.as_str()));
    }
    if let Some(code) = &filter.service_code {
        add("s.code = {n}", Box::new(code.clone()));
    }
    match (filter.period, generation.model) {
        (Some(period), ReadModel::Dynamic) => {
            add(r#"r.period = {n}::text::{schema}."Period""#, Box::new(period.as_str()))
        }
        (Some(period), ReadModel::Legacy) => {
            // The enum view has only the text: what names the half of the day, or a time in it by the clock.
            let pattern = match period {
                Period::Morning => r"(오전|am|a\.m|morning|^\s*(0?[7-9]|1[01])\s*(:|시))",
                Period::Afternoon => r"(오후|pm|p\.m|afternoon|^\s*(1[2-9]|2[0-3])\s*(:|시))",
            };
            add(r#"r."preferredTime" ~* {n}"#, Box::new(pattern));
        }
        (None, _) => {}
    }
    if let Some(text) = &filter.search {
        let pattern = format!("%{}%", text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_"));
        add(r#"(r."patientName" ILIKE {n} OR r.phone ILIKE {n})"#, Box::new(pattern));
    }
    (format!("WHERE {}", texts.join(" AND ")), parameters)
}

fn answer(rows: &[Row], generation: Generation) -> Result<Answer<Vec<Reservation>>, ViewError> {
    let position = position(rows, generation)?;
    let mut value = Vec::with_capacity(rows.len());
    for row in rows {
        // The join gives one row of nulls where there is no reservation.
        if row.try_get::<_, Option<&str>>(2)?.is_some() {
            value.push(reservation(row, generation)?);
        }
    }
    Ok(Answer { value, generation, position })
}

fn reservation(row: &Row, generation: Generation) -> Result<Reservation, ViewError> {
    let odd = ViewError::Row { generation };
    let status: &str = row.try_get(19)?;
    let Ok(status) = status.parse() else { return Err(odd) };
    let service: Option<&str> = row.try_get(14)?;
    let subject: Uuid = row.try_get(27)?;
    let version: i32 = row.try_get(26)?;
    Ok(Reservation {
        id: row.try_get(2)?,
        patient_name: row.try_get(3)?,
        phone: row.try_get(4)?,
        email: row.try_get(5)?,
        birth_date: row.try_get(6)?,
        gender: row.try_get(7)?,
        treatment_type: row.try_get(8)?,
        preferred_date: row.try_get(9)?,
        preferred_time: row.try_get(10)?,
        period: row.try_get(11)?,
        time_slot_start: row.try_get(12)?,
        time_slot_end: row.try_get(13)?,
        service: service.and_then(|service| service.parse().ok()),
        service_id: row.try_get(15)?,
        service_code: row.try_get(16)?,
        service_name: row.try_get(17)?,
        estimated_duration: row.try_get(18)?,
        status,
        notes: row.try_get(20)?,
        admin_notes: row.try_get(21)?,
        created_at: row.try_get(22)?,
        updated_at: row.try_get(23)?,
        status_changed_at: row.try_get(24)?,
        status_changed_by: row.try_get(25)?,
        version: version.unsigned_abs(),
        subject: SubjectId::from_bytes(*subject.as_bytes()),
    })
}
