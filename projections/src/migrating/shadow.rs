//! Shadow reads: the same question put to both views at one position, and what they answer compared.
//!
//! Both are asked anew, by the queries that answer clients, in one snapshot in which both stand at one position; where they do
//! not, nothing is compared. Answers are reduced to canonical facts, so that what the views cannot say alike (see
//! [`crate::Declared`]) is no difference. What is left out, because the views answer it differently by design: which times are
//! free (a limit is a count in one world and minutes in the other), lists by half of the day (the enum view has only the text),
//! and lists by service (it shows services without a value as another). Of free times what they are drawn up from is compared.
//! Nothing here writes to a view, and nothing that is kept or told shows what a patient's field says.

mod canonical;
mod days;
mod draw;
mod ledger;
mod trial;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::{ReadModel, ReservationId, SubjectId};
use daybook_event_log::Position;
use deadpool_postgres::{Pool, Transaction};
use serde::Serialize;

use crate::ViewError;
use crate::control::generation;
use crate::control::ids::Generation;
use crate::read::query::{self, Days, ListFilter, Reservation};
use crate::store::rows;

pub use draw::Drawn;
pub use ledger::{KEEP_DIFFERENCES, KEEP_DIFFERENCES_DAYS};
pub use trial::{MAX_TOLD, ReadTrial};

/// Longest time for one statement of a shadow read, in milliseconds. Nobody waits for it, and it is not to hold a connection
/// for long.
const STATEMENT_LIMIT_MS: u32 = 2_000;

/// What both views are asked.
#[derive(Debug, Clone)]
pub enum Question {
    /// One reservation.
    Reservation(ReservationId),
    /// A page of a day's list; see [`Question::list`].
    DayList(ListFilter),
    /// A patient's latest reservations.
    Patient {
        /// Who.
        subject: SubjectId,
        /// Made since then.
        since: NaiveDateTime,
        /// So many at most.
        most: i64,
    },
    /// What the free times of some days are drawn up from: bookings, closures, hours and services.
    Days {
        /// First day.
        from: NaiveDate,
        /// Last day.
        to: NaiveDate,
    },
}

impl Question {
    /// A page of a list, where both views can answer it alike: of one day, and neither by half of the day nor by service.
    pub fn list(filter: &ListFilter) -> Option<Self> {
        let ListFilter { date, period, service_code, .. } = filter;
        let comparable = date.is_some() && period.is_none() && service_code.is_none();
        comparable.then(|| Self::DayList(filter.clone()))
    }
}

/// What comparing came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Both answered.
    Compared(Compared),
    /// They stand at different positions at the moment.
    Apart,
    /// One of them does not serve.
    Alone,
}

/// Two answers that were compared.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The position at which both were read.
    pub position: Position,
    /// What differs.
    pub differences: Vec<ReadDifference>,
}

/// A field of an answer that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadDifference {
    /// The reservation; none where it is something else that differs, which the field's name then says.
    pub reservation: Option<Box<str>>,
    /// The field; `reservation` where only one side has it.
    pub field: Box<str>,
    /// What either side says, legacy first. What could say something of a patient is not shown.
    pub sides: [Box<str>; 2],
}

/// Puts questions to both views.
#[derive(Debug, Clone)]
pub struct Shadow {
    pool: Pool,
}

/// What one view answers.
enum Said {
    Reservations { items: Vec<Reservation>, total: Option<i64> },
    Days(Box<Days>),
}

impl Shadow {
    /// Shadow reads over the views' database.
    pub const fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Puts a question to the two views that serve, and compares what they answer.
    pub async fn compare(&self, question: &Question) -> Result<Outcome, ViewError> {
        let mut client = self.pool.get().await?;
        let snapshot = bounded_snapshot(&mut client).await?;
        let (generations, position) = match stand(&snapshot).await? {
            Ok(together) => together,
            Err(outcome) => return Ok(outcome),
        };
        let legacy = ask(&snapshot, generations[0], question).await?;
        let dynamic = ask(&snapshot, generations[1], question).await?;
        let models = generations.map(|generation| generation.model);
        let differences = canonical::differences(models, [&legacy, &dynamic]);
        Ok(Outcome::Compared(Compared { position, differences }))
    }
}

/// A snapshot none of whose statements takes longer than it may.
async fn bounded_snapshot(client: &mut deadpool_postgres::Client) -> Result<Transaction<'_>, ViewError> {
    let snapshot = rows::snapshot(client).await?;
    snapshot.batch_execute(&format!("SET LOCAL statement_timeout = {STATEMENT_LIMIT_MS}")).await?;
    Ok(snapshot)
}

/// The two generations that serve, legacy first, and the one position at which they stand; or why there is none.
async fn stand(
    snapshot: &Transaction<'_>,
) -> Result<Result<([Generation; 2], Position), Outcome>, ViewError> {
    let live = generation::live(snapshot).await?;
    let of = |model| live.iter().find(|standing| standing.generation.model == model);
    let (Some(legacy), Some(dynamic)) = (of(ReadModel::Legacy), of(ReadModel::Dynamic)) else {
        return Ok(Err(Outcome::Alone));
    };
    let together = legacy.position == dynamic.position;
    let generations = [legacy.generation, dynamic.generation];
    Ok(if together { Ok((generations, legacy.position)) } else { Err(Outcome::Apart) })
}

async fn ask(
    snapshot: &Transaction<'_>,
    generation: Generation,
    question: &Question,
) -> Result<Said, ViewError> {
    match question {
        Question::Reservation(id) => {
            let items = query::by_ids_in(snapshot, generation, &[id.as_str()]).await?;
            Ok(Said::Reservations { items, total: None })
        }
        Question::DayList(filter) => {
            let page = query::list_in(snapshot, generation, filter).await?.value;
            Ok(Said::Reservations { items: page.items, total: Some(page.total) })
        }
        Question::Patient { subject, since, most } => {
            let items = query::of_subject_in(snapshot, generation, *subject, *since, *most).await?;
            Ok(Said::Reservations { items, total: None })
        }
        Question::Days { from, to } => {
            let days = query::days_in(snapshot, generation, *from, *to).await?;
            Ok(Said::Days(Box::new(days)))
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::Period;

    use super::*;

    #[test]
    fn only_lists_that_both_views_can_answer_alike_are_compared() {
        let day = ListFilter { date: NaiveDate::from_ymd_opt(2026, 12, 1), ..ListFilter::default() };
        assert!(Question::list(&day).is_some());
        let by_period = ListFilter { period: Some(Period::Morning), ..day.clone() };
        let by_service = ListFilter { service_code: Some("SKIN_CARE".to_owned()), ..day };
        for filter in [by_period, by_service, ListFilter::default()] {
            assert!(Question::list(&filter).is_none(), "{filter:?}");
        }
    }
}
