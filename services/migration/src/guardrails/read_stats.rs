//! Read statistics in `control.read_windows`: each process inserts its windows, and reads the sum over all processes.
//!
//! Nothing here evaluates a limit, and no row contains a patient's data. Times are the database's, so that clocks of several
//! machines need not agree.

use std::collections::HashSet;
use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_domain::routing::{Durations, ModelReadStats, ReadStats};
use deadpool_postgres::Pool;
use tokio_postgres::Row;
use uuid::Uuid;

use daybook_projections::ViewError;

/// Days for which windows are kept: longer than a migration with the default soak times.
pub const KEEP_WINDOWS_DAYS: i32 = 60;

/// Maximum number of windows of a process to evaluate if the last one has too few requests.
pub const LOOK_BACK_WINDOWS: u32 = 60;

/// Maximum number of rows to read. With many processes, the earliest windows are left out.
const MAX_ROWS: i64 = 10_000;

/// The statistics of one process and one model in one window.
#[derive(Debug, Clone)]
pub struct Window {
    pub model: ReadModel,
    pub sum: ModelReadStats,
    /// Requests that the percentage routed.
    pub by_share: u64,
}

/// The statistics of all processes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecentReadStats {
    /// The last window of each process.
    pub last: ReadStats,
    /// The last windows, up to [`LOOK_BACK_WINDOWS`].
    pub longer: ReadStats,
}

/// Stores windows.
#[derive(Debug, Clone)]
pub struct ReadStatsStore {
    pool: Pool,
}

impl ReadStatsStore {
    /// Stores windows in this view database.
    pub const fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Inserts the windows of a process; they have this length and end now.
    pub async fn write(&self, process: Uuid, length: Duration, windows: &[Window]) -> Result<(), ViewError> {
        let sql = "
            INSERT INTO control.read_windows (process, model, started_at, ended_at, requests, failed, p99_ms, durations,
                by_share, subjects, compared, mismatched, failed_most, slow_most)
            SELECT $1, $2, moment - make_interval(secs => $3), moment, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
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
                        &number(sum.failed_most),
                        &number(sum.slow_most),
                    ],
                )
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Sums the windows of this length of all processes that began within `since`: earlier ones belong to another routing.
    pub async fn recent(&self, length: Duration, since: Duration) -> Result<RecentReadStats, ViewError> {
        let sql = "
            SELECT process, model, requests, failed, failed_most, slow_most, durations, subjects, compared, mismatched,
                   ended_at > clock_timestamp() - make_interval(secs => $1) * 2 AS is_last
            FROM control.read_windows
            WHERE ended_at > clock_timestamp() - make_interval(secs => $1) * $2
              AND started_at >= clock_timestamp() - make_interval(secs => $3)
            ORDER BY ended_at DESC LIMIT $4";
        let client = self.pool.get().await?;
        let windows = f64::from(LOOK_BACK_WINDOWS);
        let rows =
            client.query(sql, &[&length.as_secs_f64(), &windows, &since.as_secs_f64(), &MAX_ROWS]).await?;
        let (mut recent, mut seen) = (RecentReadStats::default(), HashSet::new());
        for row in &rows {
            let model = row.try_get::<_, &str>("model")?.parse();
            let model: ReadModel = model.map_err(|_| ViewError::Control { what: "a model" })?;
            let process: Uuid = row.try_get("process")?;
            let sum = read_sum(row)?;
            // The latest window of each process, unless the process has stopped.
            if seen.insert((process, model)) && row.try_get("is_last")? {
                add(&mut recent.last, model, &sum);
            }
            add(&mut recent.longer, model, &sum);
        }
        Ok(recent)
    }

    /// Deletes old windows.
    pub async fn prune(&self) -> Result<(), ViewError> {
        let sql = "DELETE FROM control.read_windows WHERE ended_at < now() - make_interval(days => $1)";
        self.pool.get().await?.execute(sql, &[&KEEP_WINDOWS_DAYS]).await?;
        Ok(())
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn read_sum(row: &Row) -> Result<ModelReadStats, ViewError> {
    let count = |name: &str| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
    let durations: Vec<i64> = row.try_get("durations")?;
    Ok(ModelReadStats {
        requests: count("requests")?,
        failed: count("failed")?,
        failed_most: count("failed_most")?,
        slow_most: count("slow_most")?,
        durations: Durations::from_counts(durations.into_iter().map(i64::unsigned_abs)),
        subjects: count("subjects")?,
        compared: count("compared")?,
        mismatched: count("mismatched")?,
    })
}

fn add(stats: &mut ReadStats, model: ReadModel, more: &ModelReadStats) {
    let sum = match model {
        ReadModel::Legacy => &mut stats.legacy,
        ReadModel::Dynamic => {
            // Each window has one row per model.
            stats.windows += 1;
            &mut stats.dynamic
        }
    };
    sum.requests += more.requests;
    sum.failed += more.failed;
    sum.failed_most += more.failed_most;
    sum.slow_most += more.slow_most;
    sum.durations.add(&more.durations);
    sum.subjects += more.subjects;
    sum.compared += more.compared;
    sum.mismatched += more.mismatched;
}
