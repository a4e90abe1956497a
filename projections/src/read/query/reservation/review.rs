//! Reservations whose wish was not understood, as the dynamic view has them: it alone knows which have no time.

use chrono::NaiveDate;
use daybook_domain::Status;
use daybook_domain::requested_time::{self, Ambiguity, ParsedTime};
use serde::Serialize;
use tokio_postgres::Row;

use super::super::{Queries, QueryResult, position, with_position};
use crate::control::error::ViewError;
use crate::control::ids::Generation;
use crate::projection::change::ERASED;
use crate::store::rows;

/// A reservation that waits for somebody to say what its wish means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Its id.
    pub id: String,
    /// Its day.
    pub date: NaiveDate,
    /// Code of its service.
    pub service: String,
    /// Where it stands.
    pub status: Status,
    /// What the patient wrote, or [`ERASED`].
    pub text: String,
    /// Why that was not understood.
    pub reason: Ambiguity,
}

impl Queries {
    /// The reservations that await review, on one day or on all, in the order of days and ids; so many at most.
    pub async fn awaiting_review(
        &self,
        dynamic: Generation,
        date: Option<NaiveDate>,
        most: i64,
    ) -> Result<QueryResult<Vec<Unread>>, ViewError> {
        let rows = r#"SELECT r.id, r."preferredDate", coalesce(s.code, r."serviceId") AS service, r.status::text,
                coalesce(r."requestedTime", '') AS text
            FROM {schema}.reservations r LEFT JOIN {schema}.services s ON s.id = r."serviceId"
            WHERE r.period IS NULL AND r."timeSlotStart" IS NULL AND ($1::date IS NULL OR r."preferredDate" = $1)
            ORDER BY r."preferredDate", r.id LIMIT $2"#;
        let sql = with_position(dynamic, &rows.replace("{schema}", &dynamic.schema()));
        let mut client = self.pool.get().await?;
        let snapshot = rows::snapshot(&mut client).await?;
        let rows = snapshot.query(&sql, &[&date, &most]).await?;
        let position = position(&rows, dynamic)?;
        let mut value = Vec::with_capacity(rows.len());
        for row in &rows {
            // The join gives one row of nulls where there is no reservation.
            if row.try_get::<_, Option<&str>>(1)?.is_some() {
                value.push(unread(row, dynamic)?);
            }
        }
        Ok(QueryResult { value, generation: dynamic, position })
    }
}

fn unread(row: &Row, generation: Generation) -> Result<Unread, ViewError> {
    let status: &str = row.try_get(4)?;
    let text: String = row.try_get(5)?;
    Ok(Unread {
        id: row.try_get(1)?,
        date: row.try_get(2)?,
        service: row.try_get(3)?,
        status: status.parse().map_err(|_| ViewError::Row { generation })?,
        reason: reason(&text),
        text,
    })
}

/// Why a text is in review. One that is understood by now was not when it came.
fn reason(text: &str) -> Ambiguity {
    if text == ERASED {
        return Ambiguity::Erased;
    }
    match requested_time::parse(text) {
        ParsedTime::Ambiguous(unclear) => unclear,
        ParsedTime::At(_) | ParsedTime::Period(_) => Ambiguity::NotATime,
    }
}
