//! Full comparisons of both views as recorded in `control.verdicts`, and the latest of two generations.
//!
//! They contain numbers and digests, never reservation data.

use std::collections::BTreeMap;

use daybook_domain::ReadModel;
use daybook_event_log::Position;
use deadpool_postgres::GenericClient;
use uuid::Uuid;

use super::declared::Declared;
use super::verdict::Verdict;
use crate::control::error::ViewError;
use crate::control::generation::read_position;
use crate::control::ids::Generation;
use crate::projection::canonical::Digest;

/// A recorded full comparison.
#[derive(Debug, Clone, Copy)]
pub struct RecordedVerdict {
    /// Its age in seconds, by the database's clock, which also recorded the time.
    pub age_seconds: f64,
    /// The position of both views.
    pub position: Position,
    /// Reservations of the dynamic view.
    pub reservations: i64,
    pub rules_version: i32,
    pub differing: i64,
    /// Days that differ or whose stored digest was wrong.
    pub wrong_days: i64,
}

/// Records a verdict if it compares both views, and deletes those older than a year.
pub(super) async fn insert(client: &impl GenericClient, verdict: &Verdict) -> Result<(), ViewError> {
    let of = |model| verdict.generations.iter().find(|one| one.model == model);
    let (Some(legacy), Some(dynamic)) = (of(ReadModel::Legacy), of(ReadModel::Dynamic)) else {
        return Ok(());
    };
    let (commit, prepare) = verdict.position.to_parts();
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let rows =
        |side: &Generation| count(verdict.reservations.get(&side.to_string()).copied().unwrap_or_default());
    let digest = |side: &Generation| -> Uuid {
        verdict.digests.get(&side.to_string()).copied().unwrap_or(Digest::EMPTY).to_uuid()
    };
    let declared: BTreeMap<&str, u64> = verdict.declared.iter().flat_map(Declared::kinds).collect();
    let declared =
        serde_json::to_string(&declared).map_err(|_| ViewError::Control { what: "declared differences" })?;
    let (differing, days) = (count(verdict.differing), count(verdict.differing_days.total));
    let (wrong_digests, rules_version) =
        (count(verdict.wrong_digests.total), i64::from(verdict.rules_version));
    client.execute(DROP_OLD, &[]).await?;
    client
        .execute(
            ENTER,
            &[
                &legacy.number,
                &dynamic.number,
                &commit,
                &prepare,
                &rows(legacy),
                &rows(dynamic),
                &digest(legacy),
                &digest(dynamic),
                &rules_version,
                &differing,
                &days,
                &wrong_digests,
                &declared,
            ],
        )
        .await?;
    Ok(())
}

const DROP_OLD: &str = "DELETE FROM control.verdicts WHERE made_at < clock_timestamp() - interval '1 year'";

const ENTER: &str = "
    INSERT INTO control.verdicts (legacy, dynamic, commit_position, prepare_position, legacy_rows, dynamic_rows,
                                  legacy_digest, dynamic_digest, rules_version, differing, differing_days,
                                  wrong_digests, declared)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::bigint, $10, $11, $12, $13::text::jsonb)";

const LAST: &str = "
    SELECT greatest(extract(epoch FROM clock_timestamp() - made_at), 0)::float8 AS age, commit_position, prepare_position,
           dynamic_rows, rules_version, differing, differing_days + wrong_digests AS wrong_days
    FROM control.verdicts WHERE legacy = $1 AND dynamic = $2 ORDER BY made_at DESC LIMIT 1";

/// The latest full comparison of two generations, the legacy one first.
pub async fn last(
    client: &impl GenericClient,
    [legacy, dynamic]: [Generation; 2],
) -> Result<Option<RecordedVerdict>, ViewError> {
    let Some(row) = client.query_opt(LAST, &[&legacy.number, &dynamic.number]).await? else {
        return Ok(None);
    };
    Ok(Some(RecordedVerdict {
        age_seconds: row.try_get("age")?,
        position: read_position(&row)?,
        reservations: row.try_get("dynamic_rows")?,
        rules_version: row.try_get("rules_version")?,
        differing: row.try_get("differing")?,
        wrong_days: row.try_get("wrong_days")?,
    }))
}
