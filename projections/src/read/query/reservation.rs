//! Reservations: one by id, a patient's latest, and the staff's list. Both views answer in one shape.

mod list;
mod review;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::{LegacyService, ReadModel, ReservationId, Status, SubjectId};
use deadpool_postgres::Transaction;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use super::lanes::Query;
use super::{Queries, QueryResult, position, position_of, with_position};
use crate::ViewError;
use crate::control::generation::Generation;

pub use list::list_in;
pub use list::{ListFilter, Page};
pub use review::Unread;

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
    /// Whether a rule of the clinic's own sent its time to review though the text says one; the dynamic view has no time then.
    #[serde(skip)]
    pub is_text_overruled: bool,
}

/// The same columns from either view, and a time that a rule of the clinic's own read is said alike; the reservation's own
/// are also at hand as `r`. What is known of the service by its own row is one array of id, code, name and, from the dynamic
/// view, the enum value: one value out of a sub-select is had for less than several by a join.
const fn selection(model: ReadModel) -> &'static str {
    match model {
        ReadModel::Legacy => {
            r#"r.id, r."patientName", r.phone, r.email, r."birthDate"::date AS "birthDate", r.gender::text,
                r."treatmentType"::text, r."preferredDate",
                CASE WHEN r."readAs" IS NULL OR r."readAs" = 'REVIEW' THEN r."preferredTime"
                    WHEN r."readAs" = 'MORNING' THEN '오전' WHEN r."readAs" = 'AFTERNOON' THEN '오후'
                    WHEN r."readAs" < '07:00' THEN '오전 ' || r."readAs" ELSE r."readAs" END AS "preferredTime",
                NULL::text AS period,
                NULL::text AS "timeSlotStart", NULL::text AS "timeSlotEnd",
                r.service::text AS "legacyService",
                (SELECT ARRAY[s.id, s.code, s.name]
                    FROM {schema}.services s WHERE s."serviceType" = r.service) AS service,
                r.minutes, r.status::text, r.notes, r."adminNotes", r."createdAt", r."updatedAt",
                r."statusChangedAt", r."statusChangedBy", r.version, r.subject,
                r."readAs" IS NOT DISTINCT FROM 'REVIEW' AS "isTextOverruled"
             FROM {schema}.reservations r"#
        }
        ReadModel::Dynamic => {
            r#"r.id, r."patientName", r.phone, r.email, r."birthDate"::date AS "birthDate", r.gender::text,
                r."treatmentType"::text, r."preferredDate",
                COALESCE(r."timeSlotStart", CASE r.period::text WHEN 'MORNING' THEN '오전' WHEN 'AFTERNOON' THEN '오후'
                    ELSE r."requestedTime" END, '') AS "preferredTime",
                r.period::text, r."timeSlotStart", r."timeSlotEnd", NULL::text AS "legacyService",
                (SELECT ARRAY[s.id, s.code, r."serviceName", s."legacyServiceType"]
                    FROM {schema}.services s WHERE s.id = r."serviceId") AS service,
                r."estimatedDuration" AS minutes, r.status::text, r.notes, r."adminNotes", r."createdAt",
                r."updatedAt", r."statusChangedAt", r."statusChangedBy", r.version, r.subject,
                false AS "isTextOverruled"
             FROM {schema}.reservations r"#
        }
    }
}

/// The reservations of a condition, and where there is none the position alone.
fn select(generation: Generation, condition: &str) -> String {
    let rows = format!("SELECT {} {condition}", selection(generation.model));
    with_position(generation, &rows.replace("{schema}", &generation.schema()))
}

/// The most frequent of all queries is cheapest without a join: a row that is there has room for the position.
const BY_ID: Query = Query {
    name: "reservation_by_id",
    text: |generation| {
        let reservation = format!("{} WHERE r.id = $1", selection(generation.model));
        let position = position_of(generation);
        format!("SELECT ({position}) AS parts, {}", reservation.replace("{schema}", &generation.schema()))
    },
};

/// The same for an id that is nobody's: to say that at a position takes the checkpoint's row.
const BY_ID_IF_ANY: Query =
    Query { name: "reservation_by_id_if_any", text: |generation| select(generation, "WHERE r.id = $1") };

const BY_SUBJECT: Query = Query {
    name: "reservations_by_subject",
    text: |generation| {
        let condition =
            r#"WHERE r.subject = $1 AND r."createdAt" >= $2 ORDER BY r."createdAt" DESC, r.id LIMIT $3"#;
        select(generation, condition)
    },
};

impl Queries {
    /// One reservation by its id.
    pub async fn reservation(
        &self,
        generation: Generation,
        id: &ReservationId,
    ) -> Result<QueryResult<Option<Reservation>>, ViewError> {
        let mut rows = self.lanes.ask(&BY_ID, generation, &[&id.as_str()]).await?;
        if rows.is_empty() {
            rows = self.lanes.ask(&BY_ID_IF_ANY, generation, &[&id.as_str()]).await?;
        }
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
    ) -> Result<QueryResult<Vec<Reservation>>, ViewError> {
        let subject = Uuid::from_bytes(*subject.as_bytes());
        let rows = self.lanes.ask(&BY_SUBJECT, generation, &[&subject, &since, &most]).await?;
        answer(&rows, generation)
    }
}

/// The reservations of some ids, in their order, in a snapshot.
pub async fn by_ids_in(
    snapshot: &Transaction<'_>,
    generation: Generation,
    ids: &[&str],
) -> Result<Vec<Reservation>, ViewError> {
    let sql = select(generation, "WHERE r.id = ANY($1) ORDER BY r.id");
    let statement = snapshot.prepare_cached(&sql).await?;
    Ok(answer(&snapshot.query(&statement, &[&ids]).await?, generation)?.value)
}

/// A patient's latest reservations in a snapshot, as [`Queries::reservations_of`] gives them.
pub async fn of_subject_in(
    snapshot: &Transaction<'_>,
    generation: Generation,
    subject: SubjectId,
    since: NaiveDateTime,
    most: i64,
) -> Result<Vec<Reservation>, ViewError> {
    let subject = Uuid::from_bytes(*subject.as_bytes());
    let statement = snapshot.prepare_cached(&(BY_SUBJECT.text)(generation)).await?;
    Ok(answer(&snapshot.query(&statement, &[&subject, &since, &most]).await?, generation)?.value)
}

fn answer(rows: &[Row], generation: Generation) -> Result<QueryResult<Vec<Reservation>>, ViewError> {
    let position = position(rows, generation)?;
    let mut value = Vec::with_capacity(rows.len());
    for row in rows {
        // The join gives one row of nulls where there is no reservation.
        if row.try_get::<_, Option<&str>>(1)?.is_some() {
            value.push(reservation(row, generation)?);
        }
    }
    Ok(QueryResult { value, generation, position })
}

fn reservation(row: &Row, generation: Generation) -> Result<Reservation, ViewError> {
    let odd = ViewError::Row { generation };
    let status: &str = row.try_get(16)?;
    let Ok(status) = status.parse() else { return Err(odd) };
    let legacy_service: Option<&str> = row.try_get(13)?;
    let service: Option<Vec<Option<&str>>> = row.try_get(14)?;
    let service = service.unwrap_or_default();
    let of_service = |part: usize| service.get(part).copied().flatten();
    let subject: Uuid = row.try_get(24)?;
    let version: i32 = row.try_get(23)?;
    Ok(Reservation {
        id: row.try_get(1)?,
        patient_name: row.try_get(2)?,
        phone: row.try_get(3)?,
        email: row.try_get(4)?,
        birth_date: row.try_get(5)?,
        gender: row.try_get(6)?,
        treatment_type: row.try_get(7)?,
        preferred_date: row.try_get(8)?,
        preferred_time: row.try_get(9)?,
        period: row.try_get(10)?,
        time_slot_start: row.try_get(11)?,
        time_slot_end: row.try_get(12)?,
        service: legacy_service.or(of_service(3)).and_then(|service| service.parse().ok()),
        service_id: of_service(0).map(str::to_owned),
        service_code: of_service(1).map(str::to_owned),
        service_name: of_service(2).map(str::to_owned),
        estimated_duration: row.try_get(15)?,
        status,
        notes: row.try_get(17)?,
        admin_notes: row.try_get(18)?,
        created_at: row.try_get(19)?,
        updated_at: row.try_get(20)?,
        status_changed_at: row.try_get(21)?,
        status_changed_by: row.try_get(22)?,
        version: version.unsigned_abs(),
        subject: SubjectId::from_bytes(*subject.as_bytes()),
        is_text_overruled: row.try_get(25)?,
    })
}
