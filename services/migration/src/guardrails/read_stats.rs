//! What processes see of the reads they answer, a window at a time: written to `control.read_windows`, and read back for
//! those of all processes together.
//!
//! Nothing here judges, and no row holds anything of a patient. Times are the database's, so that the clocks of several
//! machines do not matter.

use std::collections::HashSet;
use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_domain::routing::{Durations, ModelReadStats, ReadStats};
use deadpool_postgres::Pool;
use tokio_postgres::Row;
use uuid::Uuid;

use daybook_projections::ViewError;

/// For how long windows are kept, in days: longer than a migration by its usual soak times.
pub const KEEP_WINDOWS_DAYS: i32 = 60;

/// Windows of one process that are looked back upon, at most: where the last one holds too little, some before it are added.
pub const LOOK_BACK_WINDOWS: u32 = 60;

/// Rows that are read to look back, at most: of many processes the earliest windows are left out.
const MAX_ROWS: i64 = 10_000;

/// What one process saw of one model in one window.
#[derive(Debug, Clone)]
pub struct Window {
    /// The model.
    pub model: ReadModel,
    /// What it came to.
    pub sum: ModelReadStats,
    /// Requests by subjects whose share decided.
    pub by_share: u64,
}

/// What all processes saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecentReadStats {
    /// In the last window of each.
    pub last: ReadStats,
    /// In the last windows, up to [`LOOK_BACK_WINDOWS`].
    pub longer: ReadStats,
}

/// Keeps windows.
#[derive(Debug, Clone)]
pub struct ReadStatsStore {
    pool: Pool,
}

impl ReadStatsStore {
    /// Windows in the views' database.
    pub const fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Writes what a process saw in the window of this length that ends now.
    pub async fn write(&self, process: Uuid, length: Duration, windows: &[Window]) -> Result<(), ViewError> {
        let sql = "
            INSERT INTO control.read_windows (process, model, started_at, ended_at, requests, failed, p99_ms, durations,
                by_share, subjects, compared, mismatched)
            SELECT $1, $2, moment - make_interval(secs => $3), moment, $4, $5, $6, $7, $8, $9, $10, $11
            FROM clock_timestamp() AS moment";
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let statement = transaction.prepare_cached(sql).await?;
        for Window { model, sum, by_share } in windows {
            let durations: Vec<i64> = sum.durations.counts().iter().copied().map(number).collect();
            transaction
                .execute(
                    &statement,
                    &[
                        &process,
                        &model.as_str(),
                        &length.as_secs_f64(),
                        &number(sum.requests),
                        &number(sum.failed),
                        &sum.p99_ms(),
                        &durations,
                        &number(*by_share),
                        &number(sum.subjects),
                        &number(sum.compared),
                        &number(sum.mismatched),
                    ],
                )
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// What all processes saw in windows of this length, none of which began longer ago than `since`: what was seen before
    /// reads were led another way says nothing about now.
    pub async fn recent(&self, length: Duration, since: Duration) -> Result<RecentReadStats, ViewError> {
        let sql = "
            SELECT process, model, requests, failed, durations, subjects, compared, mismatched,
                   ended_at > clock_timestamp() - make_interval(secs => $1) * 2 AS is_last
            FROM control.read_windows
            WHERE ended_at > clock_timestamp() - make_interval(secs => $1) * $2
              AND started_at >= clock_timestamp() - make_interval(secs => $3)
            ORDER BY ended_at DESC LIMIT $4";
        let client = self.pool.get().await?;
        let windows = f64::from(LOOK_BACK_WINDOWS);
        let rows =
            client.query(sql, &[&length.as_secs_f64(), &windows, &since.as_secs_f64(), &MAX_ROWS]).await?;
        let (mut found, mut seen_last) = (RecentReadStats::default(), HashSet::new());
        for row in &rows {
            let (process, model): (Uuid, ReadModel) = (row.try_get(0)?, read_model(row)?);
            let sum = read_sum(row)?;
            // The latest of each process, unless it stopped telling.
            if seen_last.insert((process, model)) && row.try_get("is_last")? {
                add(&mut found.last, model, &sum);
            }
            add(&mut found.longer, model, &sum);
        }
        Ok(found)
    }

    /// Drops windows that nobody looks back upon any more.
    pub async fn prune(&self) -> Result<(), ViewError> {
        let sql = "DELETE FROM control.read_windows WHERE ended_at < now() - make_interval(days => $1)";
        self.pool.get().await?.execute(sql, &[&KEEP_WINDOWS_DAYS]).await?;
        Ok(())
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn read_model(row: &Row) -> Result<ReadModel, ViewError> {
    row.try_get::<_, &str>("model")?.parse().map_err(|_| ViewError::Control { what: "a model" })
}

fn read_sum(row: &Row) -> Result<ModelReadStats, ViewError> {
    let count = |name: &str| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
    let durations: Vec<i64> = row.try_get("durations")?;
    Ok(ModelReadStats {
        requests: count("requests")?,
        failed: count("failed")?,
        durations: Durations::from_counts(durations.into_iter().map(i64::unsigned_abs)),
        subjects: count("subjects")?,
        compared: count("compared")?,
        mismatched: count("mismatched")?,
    })
}

fn add(seen: &mut ReadStats, model: ReadModel, more: &ModelReadStats) {
    let sum = match model {
        ReadModel::Legacy => &mut seen.legacy,
        ReadModel::Dynamic => {
            // Each window has a row of either model.
            seen.windows += 1;
            &mut seen.dynamic
        }
    };
    sum.requests += more.requests;
    sum.failed += more.failed;
    sum.durations.add(&more.durations);
    sum.subjects += more.subjects;
    sum.compared += more.compared;
    sum.mismatched += more.mismatched;
}
