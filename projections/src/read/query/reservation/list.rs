//! The staff's list of reservations, page by page.
//!
//! The SQL consists of fixed texts only: search terms are parameters.

mod period;
mod search;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::{Period, ReadModel, ReservationId, Status};
use deadpool_postgres::Transaction;
use serde::Serialize;
use tokio_postgres::types::ToSql;

use super::{Reservation, answer, select};
use crate::control::error::ViewError;
use crate::control::ids::Generation;
use crate::read::query::pipelined_pool::{set_statement_deadline, within_deadline};
use crate::read::query::{Queries, QueryResult, with_position};
use crate::store::rows;

pub use search::Search;

/// The filter of the staff's list. Each condition narrows it.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct ListFilter {
    pub date: Option<NaiveDate>,
    pub status: Option<Status>,
    pub service_code: Option<String>,
    /// The period of the clinic slot that contains the time, by the present hours.
    pub period: Option<Period>,
    pub search: Option<Search>,
    /// The list begins after this row.
    pub after: Option<RowKey>,
    /// Rows to skip.
    pub offset: i64,
    /// Most rows to return.
    pub limit: i64,
}

/// The place of a row in a list: the values that order it, which are the same in both views and never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowKey {
    pub date: NaiveDate,
    pub created_at: NaiveDateTime,
    pub id: ReservationId,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Rows in the whole list.
    pub total: i64,
    /// The last row of the page, if more follow.
    pub next: Option<RowKey>,
}

impl Queries {
    /// A page of the staff's list, ordered by day and time of creation.
    pub async fn list(
        &self,
        generation: Generation,
        filter: &ListFilter,
    ) -> Result<QueryResult<Page<Reservation>>, ViewError> {
        within_deadline(async {
            let mut client = self.pool.get().await?;
            let snapshot = rows::snapshot(&mut client).await?;
            snapshot.batch_execute(&set_statement_deadline("LOCAL")).await?;
            list_in(&snapshot, generation, filter).await
        })
        .await
    }
}

/// The same in a snapshot.
pub async fn list_in(
    snapshot: &Transaction<'_>,
    generation: Generation,
    filter: &ListFilter,
) -> Result<QueryResult<Page<Reservation>>, ViewError> {
    let mut conditions = Conditions::of(generation, filter);
    if let Some(period) = filter.period {
        period::add(&mut conditions, snapshot, generation, period).await?;
    }
    let condition = conditions.sql();
    let counted = format!("SELECT count(*) AS total FROM {{schema}}.reservations r {condition}");
    let counted = with_position(generation, &counted.replace("{schema}", &generation.schema()));
    let total: i64 = snapshot.query_one(&counted, &conditions.parameters()).await?.try_get("total")?;
    if let Some(after) = &filter.after {
        conditions.add_after(after);
    }
    let order = format!(r#"{} ORDER BY r."preferredDate" DESC, r."createdAt" DESC, r.id"#, conditions.sql());
    let limit = filter.limit.max(0);
    // One row more shows whether another page follows.
    let paged = format!("{order} LIMIT {} OFFSET {}", limit.saturating_add(1), filter.offset.max(0));
    let rows = snapshot.query(&select(generation, &paged), &conditions.parameters()).await?;
    let found = answer(&rows, generation)?;
    Ok(found.map(|items| page(items, total, usize::try_from(limit).unwrap_or(usize::MAX))))
}

fn page(mut items: Vec<Reservation>, total: i64, limit: usize) -> Page<Reservation> {
    let more = items.len() > limit;
    items.truncate(limit);
    let key = |last: &Reservation| {
        let id = ReservationId::parse(last.id.as_str()).ok()?;
        Some(RowKey { date: last.preferred_date, created_at: last.created_at, id })
    };
    let next = items.last().filter(|_| more).and_then(key);
    Page { items, total, next }
}

type Parameter = Box<dyn ToSql + Sync + Send>;

/// The conditions of a list as SQL, and their parameters.
#[derive(Default)]
struct Conditions {
    /// What the rows are joined with.
    join: String,
    texts: Vec<String>,
    parameters: Vec<Parameter>,
}

impl Conditions {
    /// All conditions but the period, which may have to read texts first.
    fn of(generation: Generation, filter: &ListFilter) -> Self {
        let mut conditions = Self::default();
        if let Some(date) = filter.date {
            conditions.add(r#"r."preferredDate" = {1}"#, [Box::new(date)]);
        }
        if let Some(status) = filter.status {
            conditions
                .add(r#"r.status = {1}::text::{schema}."ReservationStatus""#, [Box::new(status.as_str())]);
        }
        if let Some(code) = &filter.service_code {
            conditions.add(services_of_code(generation.model), [Box::new(code.clone())]);
        }
        if let Some(search) = &filter.search {
            search::add(&mut conditions, search);
        }
        conditions
    }

    /// Adds a condition whose parameters are `{1}`, `{2}` and so on.
    fn add<const N: usize>(&mut self, condition: &str, parameters: [Parameter; N]) {
        let text = self.bind(condition, parameters);
        self.texts.push(text);
    }

    fn bind<const N: usize>(&mut self, text: &str, parameters: [Parameter; N]) -> String {
        let mut text = text.to_owned();
        for (place, parameter) in parameters.into_iter().enumerate() {
            self.parameters.push(parameter);
            text = text.replace(&format!("{{{}}}", place + 1), &format!("${}", self.parameters.len()));
        }
        text
    }

    fn add_after(&mut self, after: &RowKey) {
        let condition = r#"r."preferredDate" <= {1} AND ((r."preferredDate", r."createdAt") < ({1}, {2})
            OR (r."preferredDate", r."createdAt") = ({1}, {2}) AND r.id > {3})"#;
        let id = after.id.as_str().to_owned();
        self.add(condition, [Box::new(after.date), Box::new(after.created_at), Box::new(id)]);
    }

    fn sql(&self) -> String {
        let texts: Vec<&str> = std::iter::once("true").chain(self.texts.iter().map(String::as_str)).collect();
        format!("{} WHERE {}", self.join, texts.join(" AND "))
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.parameters.iter().map(|value| &**value as _).collect()
    }
}

/// The condition for the code of the service.
const fn services_of_code(model: ReadModel) -> &'static str {
    match model {
        ReadModel::Legacy => {
            r#"r.service IN (SELECT s."serviceType" FROM {schema}.services s WHERE s.code = {1})"#
        }
        ReadModel::Dynamic => r#"r."serviceId" IN (SELECT s.id FROM {schema}.services s WHERE s.code = {1})"#,
    }
}
