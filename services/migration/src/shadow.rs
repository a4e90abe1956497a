//! Shadow reads: the same question put to both views at one position, and what they answer compared.
//!
//! Both are asked anew, by the queries that answer clients, in one snapshot in which both stand at one position; where they do
//! not, nothing is compared. Answers are reduced to canonical facts, so that what the views cannot say alike (see
//! [`daybook_projections::Declared`]) is no difference. What is left out, because the views answer it differently by design: which times are
//! free (a limit is a count in one world and minutes in the other), lists by half of the day (the enum view has only the text),
//! and lists by service (it shows services without a value as another). Of free times what they are drawn up from is compared.
//! Nothing here writes to a view, and nothing that is kept or told shows what a patient's field says.

mod canonical;
mod days;
mod draw;
mod record;
mod sampler;
mod trial;

use daybook_domain::ReadModel;
use daybook_event_log::Position;
use deadpool_postgres::{Pool, Transaction};
use serde::Serialize;

use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::control::ids::Generation;
use daybook_projections::read::query::{self, Days, Reservation};
use daybook_projections::store::rows;

pub use daybook_projections::read::question::Question;
pub use draw::SampledReservation;
pub use record::{KEEP_DIFFERENCES, KEEP_DIFFERENCES_DAYS};
pub use sampler::{Read, Sampler, ShadowObserver};
pub use trial::{MAX_TOLD, ReadTrial};

/// Longest time for one statement of a shadow read, in milliseconds. Nobody waits for it, and it is not to hold a connection
/// for long.
const STATEMENT_LIMIT_MS: u32 = 2_000;

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
enum ViewAnswer {
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
) -> Result<ViewAnswer, ViewError> {
    match question {
        Question::Reservation(id) => {
            let items = query::by_ids_in(snapshot, generation, &[id.as_str()]).await?;
            Ok(ViewAnswer::Reservations { items, total: None })
        }
        Question::DayList(filter) => {
            let page = query::list_in(snapshot, generation, filter).await?.value;
            Ok(ViewAnswer::Reservations { items: page.items, total: Some(page.total) })
        }
        Question::Patient { subject, since, most } => {
            let items = query::of_subject_in(snapshot, generation, *subject, *since, *most).await?;
            Ok(ViewAnswer::Reservations { items, total: None })
        }
        Question::Days { from, to } => {
            let days = query::days_in(snapshot, generation, *from, *to).await?;
            Ok(ViewAnswer::Days(Box::new(days)))
        }
    }
}
