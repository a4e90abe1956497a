//! Trials: a view compared with itself, which has to find nothing, and the two views compared on a sample, now.
//!
//! Both go by the same reading, reducing and comparing as shadow reads. Nothing is written down.

use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use deadpool_postgres::Transaction;
use serde::Serialize;

use super::{ReadDifference, Shadow, bounded_snapshot, canonical};
use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::control::ids::Generation;
use daybook_projections::read::query::by_ids_in;
use daybook_projections::read::settled::{live_pair, settled_snapshot};

/// Differences that are told, at most; all reservations that differ are counted.
pub const MAX_TOLD: usize = 20;

/// Reservations that are read at once.
const BATCH: usize = 1_000;

/// How long to wait for the views to stand at one position.
const TOGETHER_WAIT: Duration = Duration::from_secs(30);

/// What a trial found.
#[derive(Debug, Clone, Serialize)]
pub struct ReadTrial {
    /// What was compared: twice the same where a view was compared with itself.
    pub generations: [Generation; 2],
    /// Comparisons of one reservation.
    pub compared: u64,
    /// Those that found a difference.
    pub mismatched: u64,
    /// The first differences, [`MAX_TOLD`] at most.
    pub differences: Vec<ReadDifference>,
    /// How long it took.
    pub seconds: f64,
}

impl ReadTrial {
    fn of(generations: [Generation; 2]) -> Self {
        Self { generations, compared: 0, mismatched: 0, differences: vec![], seconds: 0.0 }
    }

    /// Compares some reservations in a snapshot: each side is asked for itself.
    async fn take(&mut self, snapshot: &Transaction<'_>, ids: &[&str]) -> Result<(), ViewError> {
        let left = by_ids_in(snapshot, self.generations[0], ids).await?;
        let right = by_ids_in(snapshot, self.generations[1], ids).await?;
        let models = self.generations.map(|generation| generation.model);
        let found = canonical::reservations(models, [&left, &right]);
        let mut differing: Vec<_> = found.iter().map(|difference| &difference.reservation).collect();
        differing.dedup();
        self.compared += ids.len() as u64;
        self.mismatched += differing.len() as u64;
        let room = MAX_TOLD.saturating_sub(self.differences.len());
        self.differences.extend(found.into_iter().take(room));
        Ok(())
    }
}

impl Shadow {
    /// Compares the view that serves with itself, so many times one reservation, going through all of them as often as it
    /// takes. Tells how many are done. A view without reservations is compared not at all.
    ///
    /// # Errors
    /// [`ViewError::NotLive`] where the view does not serve.
    pub async fn self_test(
        &self,
        model: ReadModel,
        compares: u64,
        tell: impl Fn(u64),
    ) -> Result<ReadTrial, ViewError> {
        let since = Instant::now();
        let mut client = self.pool.get().await?;
        let live = generation::live(&client).await?;
        let found = live.iter().find(|standing| standing.generation.model == model);
        let generation = found.ok_or(ViewError::NotLive { model })?.generation;
        let mut trial = ReadTrial::of([generation; 2]);
        let mut last = String::new();
        while trial.compared < compares {
            // Each batch in a snapshot of its own: one for all would keep the database from clearing up.
            let snapshot = bounded_snapshot(&mut client).await?;
            let wanted = (compares - trial.compared).min(BATCH as u64);
            let ids = ids_after(&snapshot, generation, &last, wanted).await?;
            if ids.is_empty() && last.is_empty() {
                break;
            }
            trial.take(&snapshot, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
            last = ids.into_iter().next_back().unwrap_or_default();
            tell(trial.compared);
        }
        trial.seconds = since.elapsed().as_secs_f64();
        Ok(trial)
    }

    /// Compares so many reservations, chosen at random from those that either view has, in one snapshot.
    ///
    /// # Errors
    /// [`ViewError::NotLive`] where one of the views does not serve; [`ViewError::TimedOut`] where they do not meet.
    pub async fn sample(&self, number: u64, tell: impl Fn(u64)) -> Result<ReadTrial, ViewError> {
        let since = Instant::now();
        let mut client = self.pool.get().await?;
        // Without a bound for statements: to choose from all reservations takes its time.
        let (snapshot, together) = settled_snapshot(&mut client, TOGETHER_WAIT, |statuses| {
            let live = live_pair(statuses)?;
            Ok((live[0].position == live[1].position).then_some(live.map(|status| status.generation)))
        })
        .await?;
        let Some(generations) = together else {
            let what = "the two views to stand at one position; is `daybook serve` running?";
            return Err(ViewError::TimedOut { what, seconds: TOGETHER_WAIT.as_secs() });
        };
        let mut trial = ReadTrial::of(generations);
        let ids = random_ids(&snapshot, generations, number).await?;
        for batch in ids.chunks(BATCH) {
            trial.take(&snapshot, &batch.iter().map(String::as_str).collect::<Vec<_>>()).await?;
            tell(trial.compared);
        }
        trial.seconds = since.elapsed().as_secs_f64();
        Ok(trial)
    }
}

/// The ids that come next in their order.
async fn ids_after(
    snapshot: &Transaction<'_>,
    generation: Generation,
    last: &str,
    number: u64,
) -> Result<Vec<String>, ViewError> {
    let schema = generation.schema();
    let sql = format!("SELECT id FROM {schema}.reservations WHERE id > $1 ORDER BY id LIMIT $2");
    let statement = snapshot.prepare_cached(&sql).await?;
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    read_ids(&snapshot.query(&statement, &[&last, &number]).await?)
}

pub(super) async fn random_ids(
    snapshot: &Transaction<'_>,
    [left, right]: [Generation; 2],
    number: u64,
) -> Result<Vec<String>, ViewError> {
    let (left, right) = (left.schema(), right.schema());
    let sql = format!(
        "SELECT id FROM (SELECT id FROM {left}.reservations UNION SELECT id FROM {right}.reservations) AS all_ids
         ORDER BY random() LIMIT $1"
    );
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    read_ids(&snapshot.query(&sql, &[&number]).await?)
}

fn read_ids(rows: &[tokio_postgres::Row]) -> Result<Vec<String>, ViewError> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
