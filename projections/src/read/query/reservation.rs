//! Reservations: one by id, a patient's latest, and the staff's list. Both views return the same shape.

mod list;
mod review;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::{LegacyService, ReadModel, ReservationId, Status, SubjectId};
use deadpool_postgres::Transaction;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use super::pipelined_pool::Query;
use super::{Queries, QueryResult, position, position_of, with_position};
use crate::control::error::ViewError;
use crate::control::ids::Generation;

pub use list::list_in;
pub use list::{ListFilter, Page, RowKey, Search};
pub use review::Unread;

/// A reservation as a view shows it. Fields that only the other view has are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct Reservation {
    pub id: String,
    /// The patient's name, or [`crate::ERASED`].
    pub patient_name: String,
    /// The phone number as it was typed, or [`crate::ERASED`].
    pub phone: String,
    pub email: Option<String>,
    /// The date of birth; none once forgotten.
    pub birth_date: Option<NaiveDate>,
    /// `MALE` or `FEMALE`; none once forgotten.
    pub gender: Option<String>,
    /// `FIRST_VISIT` or `FOLLOW_UP`; none once forgotten.
    pub treatment_type: Option<String>,
    pub preferred_date: NaiveDate,
    /// Its time as text: the original text, or else a time, 오전 or 오후.
    pub preferred_time: String,
    /// The half of the day, in the dynamic view.
    pub period: Option<String>,
    /// Start of its slot, `HH:MM`, in the dynamic view.
    pub time_slot_start: Option<String>,
    /// End of its slot, `HH:MM`, in the dynamic view.
    pub time_slot_end: Option<String>,
    /// The enum value of its service, if it has one.
    pub service: Option<LegacyService>,
    pub service_id: Option<String>,
    pub service_code: Option<String>,
    pub service_name: Option<String>,
    /// Minutes of treatment and buffer.
    pub estimated_duration: i32,
    pub status: Status,
    pub notes: Option<String>,
    pub admin_notes: Option<String>,
    /// When it was created, UTC.
    pub created_at: NaiveDateTime,
    /// When it last changed, UTC.
    pub updated_at: NaiveDateTime,
    /// When its status last changed, UTC.
    pub status_changed_at: NaiveDateTime,
    /// Who last changed its status.
    pub status_changed_by: Option<String>,
    /// Number of its events; the same in both views.
    pub version: u32,
    #[serde(skip)]
    pub subject: SubjectId,
    /// Whether a clinic-specific rule sent its time to review although the text names one. The dynamic view has no time
    /// then.
    #[serde(skip)]
    pub is_text_overruled: bool,
    /// Whether its time is a text that a person has to read.
    #[serde(skip)]
    pub needs_review: bool,
}

impl Reservation {
    /// Whether its text names a time or a half-day. The dynamic view writes times as the lists of free times do, which the
    /// grammar alone does not read in the early morning.
    pub fn is_time_read(&self) -> bool {
        !self.needs_review || !matches!(self.named_time(), ParsedTime::Ambiguous(_))
    }

    /// Whether it has a clock time.
    pub fn has_clock_time(&self) -> bool {
        self.time_slot_start.is_some() || matches!(self.named_time(), ParsedTime::At(_))
    }

    fn named_time(&self) -> ParsedTime {
        requested_time::parse_stored(&self.preferred_time)
    }
}

/// The same columns from either view, with a time by a clinic-specific rule represented alike. The reservation's own
/// columns are also available as `r`. The service is one array of id, code, name and, in the dynamic view, enum value:
/// one value from a subquery is cheaper than several from a join.
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

/// The reservations that match a condition; only the position if there are none.
fn select(generation: Generation, condition: &str) -> String {
    let rows = format!("SELECT {} {condition}", selection(generation.model));
    with_position(generation, &rows.replace("{schema}", &generation.schema()))
}

/// The most frequent query. It is cheapest without a join: the reservation's row also carries the position.
const BY_ID: Query = Query {
    name: "reservation_by_id",
    text: |generation| {
        let reservation = format!("{} WHERE r.id = $1", selection(generation.model));
        let position = position_of(generation);
        format!("SELECT ({position}) AS parts, {}", reservation.replace("{schema}", &generation.schema()))
    },
};

/// The same for an unknown id. The position then comes from the checkpoint's row.
const BY_ID_IF_ANY: Query =
    Query { name: "reservation_by_id_if_any", text: |generation| select(generation, "WHERE r.id = $1") };

const BY_SUBJECT: Query = Query {
    name: "reservations_by_subject",
    text: |generation| {
        let condition =
            r#"WHERE r.subject = ANY($1) AND r."createdAt" >= $2 ORDER BY r."createdAt" DESC, r.id LIMIT $3"#;
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
        let mut rows = self.connections.ask(&BY_ID, generation, &[&id.as_str()]).await?;
        if rows.is_empty() {
            rows = self.connections.ask(&BY_ID_IF_ANY, generation, &[&id.as_str()]).await?;
        }
        let reservations = answer(&rows, generation)?;
        Ok(reservations.map(|mut found| found.pop()))
    }

    /// A patient's latest reservations created since a time, newest first. A patient may have several subjects.
    pub async fn reservations_of(
        &self,
        generation: Generation,
        subjects: &[SubjectId],
        since: NaiveDateTime,
        most: i64,
    ) -> Result<QueryResult<Vec<Reservation>>, ViewError> {
        let subjects = uuids(subjects);
        let rows = self.connections.ask(&BY_SUBJECT, generation, &[&subjects, &since, &most]).await?;
        answer(&rows, generation)
    }
}

/// Reservations by ids, ordered by id, in a snapshot.
pub async fn by_ids_in(
    snapshot: &Transaction<'_>,
    generation: Generation,
    ids: &[&str],
) -> Result<Vec<Reservation>, ViewError> {
    let sql = select(generation, "WHERE r.id = ANY($1) ORDER BY r.id");
    let statement = snapshot.prepare_cached(&sql).await?;
    Ok(answer(&snapshot.query(&statement, &[&ids]).await?, generation)?.value)
}

/// The same in a snapshot; see [`Queries::reservations_of`].
pub async fn of_subject_in(
    snapshot: &Transaction<'_>,
    generation: Generation,
    subjects: &[SubjectId],
    since: NaiveDateTime,
    most: i64,
) -> Result<Vec<Reservation>, ViewError> {
    let subjects = uuids(subjects);
    let statement = snapshot.prepare_cached(&(BY_SUBJECT.text)(generation)).await?;
    Ok(answer(&snapshot.query(&statement, &[&subjects, &since, &most]).await?, generation)?.value)
}

fn uuids(subjects: &[SubjectId]) -> Vec<Uuid> {
    subjects.iter().map(|subject| Uuid::from_bytes(*subject.as_bytes())).collect()
}

fn answer(rows: &[Row], generation: Generation) -> Result<QueryResult<Vec<Reservation>>, ViewError> {
    let position = position(rows, generation)?;
    let mut value = Vec::with_capacity(rows.len());
    for row in rows {
        // The join returns one row of nulls if there is no reservation.
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
    let preferred_time: String = row.try_get(9)?;
    let (period, time_slot_start): (Option<String>, Option<String>) = (row.try_get(10)?, row.try_get(11)?);
    let is_text_overruled = row.try_get(25)?;
    let needs_review = match generation.model {
        ReadModel::Dynamic => period.is_none() && time_slot_start.is_none(),
        ReadModel::Legacy => {
            is_text_overruled || matches!(requested_time::parse(&preferred_time), ParsedTime::Ambiguous(_))
        }
    };
    Ok(Reservation {
        id: row.try_get(1)?,
        patient_name: row.try_get(2)?,
        phone: row.try_get(3)?,
        email: row.try_get(4)?,
        birth_date: row.try_get(5)?,
        gender: row.try_get(6)?,
        treatment_type: row.try_get(7)?,
        preferred_date: row.try_get(8)?,
        preferred_time,
        period,
        time_slot_start,
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
        is_text_overruled,
        needs_review,
    })
}
