//! Reservations whose requested time could not be read. Only the dynamic view knows which have no time.

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

/// A reservation whose requested time awaits review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct Unread {
    pub id: String,
    pub date: NaiveDate,
    pub service: String,
    pub status: Status,
    /// What the patient wrote, or [`ERASED`].
    pub text: String,
    /// Why it could not be read.
    pub reason: Ambiguity,
}

impl Queries {
    /// Reservations that await review on one day or on all days, ordered by day and id.
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
            // The join returns one row of nulls if there is no reservation.
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

/// Why a text is in review. A text that can be read now could not be read when it arrived.
fn reason(text: &str) -> Ambiguity {
    if text == ERASED {
        return Ambiguity::Erased;
    }
    match requested_time::parse(text) {
        ParsedTime::Ambiguous(unclear) => unclear,
        ParsedTime::At(_) | ParsedTime::Period(_) => Ambiguity::NotATime,
    }
}
