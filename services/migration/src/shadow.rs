//! Shadow reads: both views answer the same question at one position, and the answers are compared.
//!
//! Both views are queried again in one snapshot, by the queries that serve clients. If they stand at different positions,
//! nothing is compared. Answers are reduced to canonical facts, so that declared differences (see
//! [`daybook_projections::Declared`]) do not count. Not compared, because the views differ there by design: free times (the
//! views limit them by count and by minutes), and lists by a service that the enum view shows as another one. The data
//! from which free times are computed is compared instead.
//! Nothing here may write to a view, and no stored or displayed text may contain patient data.

mod canonical;
mod days;
mod difference;
mod draw;
mod record;
mod sampler;
mod trial;

use daybook_domain::ReadModel;
use daybook_event_log::Position;
use deadpool_postgres::{Pool, Transaction};

use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::control::ids::Generation;
use daybook_projections::read::query::{self, Reservation};
use daybook_projections::store::rows;

pub use daybook_projections::read::question::Question;
pub use difference::ReadDifference;
pub use draw::SampledReservation;
pub use record::{KEEP_DIFFERENCES, KEEP_DIFFERENCES_DAYS};
pub use sampler::{Read, Sampler, ShadowObserver};
pub use trial::{MAX_TOLD, ReadTrial};

/// No client waits for a shadow read, and it must not hold a connection for long.
const STATEMENT_TIMEOUT_MS: u32 = 2_000;

/// The result of a shadow read.
#[derive(Debug, Clone)]
pub enum Outcome {
    Compared(Compared),
    /// The views stand at different positions.
    Apart,
    /// One of the views does not serve.
    Alone,
}

/// Two answers that were compared.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The position of both views.
    pub position: Position,
    pub differences: Vec<ReadDifference>,
}

/// Compares the answers of both views.
#[derive(Debug, Clone)]
pub struct Shadow {
    pool: Pool,
}

/// The answer of one view: reservations, or the parts from which free times are computed.
#[derive(Default)]
struct ViewAnswer {
    reservations: Vec<Reservation>,
    /// The total of a list, which may be longer than the page.
    total: Option<i64>,
    parts: difference::Parts,
}

impl Shadow {
    /// Takes the pool of the views' database.
    pub const fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Compares the answers of the two serving views to a question.
    pub async fn compare(&self, question: &Question) -> Result<Outcome, ViewError> {
        let mut client = self.pool.get().await?;
        let snapshot = bounded_snapshot(&mut client).await?;
        let live = generation::live(&snapshot).await?;
        let find = |model| live.iter().find(|status| status.generation.model == model);
        let (Some(legacy), Some(dynamic)) = (find(ReadModel::Legacy), find(ReadModel::Dynamic)) else {
            return Ok(Outcome::Alone);
        };
        if legacy.position != dynamic.position {
            return Ok(Outcome::Apart);
        }
        let answers = [
            answer(&snapshot, legacy.generation, question).await?,
            answer(&snapshot, dynamic.generation, question).await?,
        ];
        Ok(Outcome::Compared(Compared { position: legacy.position, differences: compare_answers(&answers) }))
    }
}

async fn bounded_snapshot(client: &mut deadpool_postgres::Client) -> Result<Transaction<'_>, ViewError> {
    let snapshot = rows::snapshot(client).await?;
    snapshot.batch_execute(&format!("SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")).await?;
    Ok(snapshot)
}

async fn answer(
    snapshot: &Transaction<'_>,
    generation: Generation,
    question: &Question,
) -> Result<ViewAnswer, ViewError> {
    let mut answer = ViewAnswer::default();
    match question {
        Question::Reservation(id) => {
            answer.reservations = query::by_ids_in(snapshot, generation, &[id.as_str()]).await?;
        }
        Question::DayList(filter) => {
            let page = query::list_in(snapshot, generation, filter).await?.value;
            (answer.reservations, answer.total) = (page.items, Some(page.total));
        }
        Question::Patient { subjects, since, most } => {
            answer.reservations = query::of_subject_in(snapshot, generation, subjects, *since, *most).await?;
        }
        Question::Days { from, to } => {
            answer.parts = days::parts(&query::days_in(snapshot, generation, *from, *to).await?);
        }
    }
    Ok(answer)
}

/// Compares the answer of the legacy view with that of the dynamic view.
fn compare_answers([legacy, dynamic]: &[ViewAnswer; 2]) -> Vec<ReadDifference> {
    let models = [ReadModel::Legacy, ReadModel::Dynamic];
    let mut differences = canonical::compare(models, [&legacy.reservations, &dynamic.reservations]);
    if legacy.total != dynamic.total {
        let sides = [legacy.total, dynamic.total]
            .map(|total| total.map_or("none".into(), |total| total.to_string().into()));
        differences.push(ReadDifference::of_list("total of the list", sides));
    }
    differences.extend(difference::compare([&legacy.parts, &dynamic.parts]));
    differences
}
