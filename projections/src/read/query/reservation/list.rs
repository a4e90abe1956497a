//! The staff's list of reservations, page by page.
//!
//! The SQL consists of fixed texts only: search terms are parameters.

use chrono::NaiveDate;
use daybook_domain::{Period, ReadModel, Status};
use deadpool_postgres::Transaction;
use serde::Serialize;
use tokio_postgres::types::ToSql;

use super::{Reservation, answer, select};
use crate::control::error::ViewError;
use crate::control::ids::Generation;
use crate::read::query::{Queries, QueryResult, with_position};
use crate::store::rows;

/// The filter of the staff's list. Each condition narrows it.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct ListFilter {
    pub date: Option<NaiveDate>,
    pub status: Option<Status>,
    pub service_code: Option<String>,
    /// The half of the day, which only the dynamic view knows.
    pub period: Option<Period>,
    /// A part of the name or the phone number.
    pub search: Option<String>,
    /// Rows to skip.
    pub offset: i64,
    /// Most rows to return.
    pub limit: i64,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Rows in the whole list.
    pub total: i64,
}

impl Queries {
    /// A page of the staff's list, ordered by day and time of creation.
    pub async fn list(
        &self,
        generation: Generation,
        filter: &ListFilter,
    ) -> Result<QueryResult<Page<Reservation>>, ViewError> {
        let mut client = self.pool.get().await?;
        let snapshot = rows::snapshot(&mut client).await?;
        list_in(&snapshot, generation, filter).await
    }
}

/// The same in a snapshot.
pub async fn list_in(
    snapshot: &Transaction<'_>,
    generation: Generation,
    filter: &ListFilter,
) -> Result<QueryResult<Page<Reservation>>, ViewError> {
    let (condition, parameters) = conditions(generation, filter);
    let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| &**value as _).collect();
    let counted = format!("SELECT count(*) AS total FROM {{schema}}.reservations r {condition}");
    let counted = with_position(generation, &counted.replace("{schema}", &generation.schema()));
    let order = format!(r#"{condition} ORDER BY r."preferredDate" DESC, r."createdAt" DESC, r.id"#);
    let paged = format!("{order} LIMIT {} OFFSET {}", filter.limit.max(0), filter.offset.max(0));
    let total: i64 = snapshot.query_one(&counted, &parameters).await?.try_get("total")?;
    let rows = snapshot.query(&select(generation, &paged), &parameters).await?;
    Ok(answer(&rows, generation)?.map(|items| Page { items, total }))
}

/// The condition for the code of the service.
const fn services_of_code(model: ReadModel) -> &'static str {
    match model {
        ReadModel::Legacy => {
            r#"r.service IN (SELECT s."serviceType" FROM {schema}.services s WHERE s.code = {n})"#
        }
        ReadModel::Dynamic => r#"r."serviceId" IN (SELECT s.id FROM {schema}.services s WHERE s.code = {n})"#,
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
        add(services_of_code(generation.model), Box::new(code.clone()));
    }
    match (filter.period, generation.model) {
        (Some(period), ReadModel::Dynamic) => {
            add(r#"r.period = {n}::text::{schema}."Period""#, Box::new(period.as_str()))
        }
        (Some(period), ReadModel::Legacy) => {
            // The enum view only has the text: a word for the half-day, or a clock time within it.
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
