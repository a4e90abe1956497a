//! Views that cannot be written, known in every process: the leader records why, beside the checkpoint at which it failed.
//!
//! It must never hold anything of a row or an event.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use serde::Serialize;
use tokio_postgres::Row;

use crate::control::error::ViewError;
use crate::control::ids::Generation;

/// How long a failure has to last before it counts: locks and deadlocks of a moment are none.
const LASTING_SECONDS: f64 = 1.0;

/// Why the events after a generation's checkpoint cannot be written.
#[derive(Debug, Clone, Serialize)]
pub struct WriteFailure {
    pub cause: Box<str>,
    /// PostgreSQL's code, if it refused a statement.
    pub sqlstate: Option<Box<str>>,
    /// When writing at this checkpoint failed first.
    pub since: DateTime<Utc>,
    /// Seconds since then at the time of reading, by the database's clock.
    pub seconds: f64,
}

impl WriteFailure {
    pub(super) fn read(row: &Row) -> Result<Option<Self>, ViewError> {
        let Some(cause) = row.try_get::<_, Option<&str>>("failure")? else { return Ok(None) };
        Ok(Some(Self {
            cause: cause.into(),
            sqlstate: row.try_get::<_, Option<&str>>("failure_sqlstate")?.map(Box::from),
            since: row.try_get("failing_since")?,
            seconds: row.try_get("failing_seconds")?,
        }))
    }

    /// Whether it has lasted for a moment.
    pub(super) fn is_lasting(&self) -> bool {
        self.seconds >= LASTING_SECONDS
    }

    /// The cause with its SQLSTATE.
    pub fn describe(&self) -> String {
        match &self.sqlstate {
            Some(sqlstate) => format!("{} (SQLSTATE {sqlstate})", self.cause),
            None => self.cause.to_string(),
        }
    }
}

/// Records why a generation cannot be written from its present checkpoint on.
pub(crate) async fn record(
    client: &impl GenericClient,
    generation: Generation,
    cause: &str,
    sqlstate: Option<&str>,
) -> Result<(), ViewError> {
    let sql = "UPDATE control.checkpoints c SET
                   failing_since = CASE
                       WHEN (failed_commit, failed_prepare) = (commit_position, prepare_position) THEN failing_since
                       ELSE clock_timestamp() END,
                   failed_commit = commit_position, failed_prepare = prepare_position,
                   failure = $3, failure_sqlstate = $4
               WHERE model = $1 AND number = $2";
    client.execute(sql, &[&generation.model.as_str(), &generation.number, &cause, &sqlstate]).await?;
    Ok(())
}
