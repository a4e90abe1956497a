//! Trials on demand: a view compared with itself, which must find no difference, and both views compared on a sample.
//!
//! Both use the queries and the comparison of shadow reads. Nothing may be stored.

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

/// Maximum number of differences in a report; all differing reservations are counted.
pub const MAX_TOLD: usize = 20;

const BATCH: usize = 1_000;

/// How long the views may take to reach the same position.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The result of a trial.
#[derive(Debug, Clone, Serialize)]
pub struct ReadTrial {
    /// The compared generations; the same one twice in a self-test.
    pub generations: [Generation; 2],
    /// Number of compared reservations; a self-test may compare one several times.
    pub compared: u64,
    /// Those with a difference.
    pub mismatched: u64,
    /// The first differences, [`MAX_TOLD`] at most.
    pub differences: Vec<ReadDifference>,
    pub seconds: f64,
}

impl ReadTrial {
    fn new(generations: [Generation; 2]) -> Self {
        Self { generations, compared: 0, mismatched: 0, differences: vec![], seconds: 0.0 }
    }

    async fn compare(&mut self, snapshot: &Transaction<'_>, ids: &[String]) -> Result<(), ViewError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let left = by_ids_in(snapshot, self.generations[0], &ids).await?;
        let right = by_ids_in(snapshot, self.generations[1], &ids).await?;
        let models = self.generations.map(|generation| generation.model);
        let differences = canonical::compare(models, [&left, &right]);
        let mut differing: Vec<_> = differences.iter().map(|difference| &difference.reservation).collect();
        differing.dedup();
        self.compared += ids.len() as u64;
        self.mismatched += differing.len() as u64;
        self.differences.extend(differences);
        self.differences.truncate(MAX_TOLD);
        Ok(())
    }
}

impl Shadow {
    /// Compares the serving generation of a view with itself until `compares` comparisons are done, starting over after the
    /// last reservation. `progress` receives the number of comparisons. An empty view ends the trial at once.
    ///
    /// # Errors
    /// [`ViewError::NotLive`] if the view does not serve.
    pub async fn self_test(
        &self,
        model: ReadModel,
        compares: u64,
        progress: impl Fn(u64),
    ) -> Result<ReadTrial, ViewError> {
        let since = Instant::now();
        let mut client = self.pool.get().await?;
        let live = generation::live(&client).await?;
        let status = live.iter().find(|status| status.generation.model == model);
        let generation = status.ok_or(ViewError::NotLive { model })?.generation;
        let mut trial = ReadTrial::new([generation; 2]);
        let mut last = String::new();
        while trial.compared < compares {
            // One snapshot per batch: a long one would keep vacuum from removing dead rows.
            let snapshot = bounded_snapshot(&mut client).await?;
            let wanted = (compares - trial.compared).min(BATCH as u64);
            let ids = ids_after(&snapshot, generation, &last, wanted).await?;
            if ids.is_empty() && last.is_empty() {
                break;
            }
            trial.compare(&snapshot, &ids).await?;
            last = ids.into_iter().next_back().unwrap_or_default();
            progress(trial.compared);
        }
        trial.seconds = since.elapsed().as_secs_f64();
        Ok(trial)
    }

    /// Compares `number` random reservations of either view in one snapshot.
    ///
    /// # Errors
    /// [`ViewError::NotLive`] if a view does not serve; [`ViewError::TimedOut`] if they do not reach the same position.
    pub async fn sample(&self, number: u64, progress: impl Fn(u64)) -> Result<ReadTrial, ViewError> {
        let since = Instant::now();
        let mut client = self.pool.get().await?;
        // Without a statement timeout: choosing from all reservations is slow.
        let (snapshot, settled) = settled_snapshot(&mut client, SETTLE_TIMEOUT, |statuses| {
            let live = live_pair(statuses)?;
            Ok((live[0].position == live[1].position).then_some(live.map(|status| status.generation)))
        })
        .await?;
        let Some(generations) = settled else {
            let what = "both views to reach the same position; check that `daybook serve` is running";
            return Err(ViewError::TimedOut { what, seconds: SETTLE_TIMEOUT.as_secs() });
        };
        let mut trial = ReadTrial::new(generations);
        let ids = random_ids(&snapshot, generations, number).await?;
        for batch in ids.chunks(BATCH) {
            trial.compare(&snapshot, batch).await?;
            progress(trial.compared);
        }
        trial.seconds = since.elapsed().as_secs_f64();
        Ok(trial)
    }
}

/// The ids that follow `last`.
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
