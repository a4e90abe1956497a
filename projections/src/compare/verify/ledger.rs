//! Full comparisons of both views as they are written down, in `control.verdicts`, and the last one of two generations.
//!
//! They hold numbers and digests, never what a reservation says.

use std::collections::BTreeMap;

use daybook_domain::ReadModel;
use daybook_event_log::Position;
use deadpool_postgres::GenericClient;
use uuid::Uuid;

use super::Verdict;
use crate::ViewError;
use crate::control::generation::Generation;

/// A full comparison as it was written down.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// Seconds since then, by the clock of the database, which also wrote down when it was.
    pub age_seconds: f64,
    /// Where both views stood.
    pub position: Position,
    /// Reservations of the dynamic view.
    pub reservations: i64,
    /// Version of the rules by which rows were reduced.
    pub rules_version: i32,
    /// Reservations that differ.
    pub differing: i64,
    /// Days that differ, or whose kept digest was wrong.
    pub wrong_days: i64,
}

/// Writes a verdict down, where it is one on both views. Those that are older than a year go.
pub(super) async fn note(client: &impl GenericClient, verdict: &Verdict) -> Result<(), ViewError> {
    let of = |model| verdict.generations.iter().find(|one| one.model == model);
    let (Some(legacy), Some(dynamic)) = (of(ReadModel::Legacy), of(ReadModel::Dynamic)) else {
        return Ok(());
    };
    let (commit, prepare) = verdict.position.to_parts();
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let rows =
        |side: &Generation| count(verdict.reservations.get(&side.to_string()).copied().unwrap_or_default());
    let digest = |side: &Generation| -> Uuid {
        verdict
            .digests
            .get(&side.to_string())
            .copied()
            .unwrap_or(crate::projection::canonical::Digest::EMPTY)
            .to_uuid()
    };
    let declared: BTreeMap<&str, u64> = verdict.declared.iter().flat_map(super::Declared::kinds).collect();
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

/// The last full comparison of two generations, the legacy view's first.
pub async fn last(
    client: &impl GenericClient,
    [legacy, dynamic]: [Generation; 2],
) -> Result<Option<Written>, ViewError> {
    let Some(row) = client.query_opt(LAST, &[&legacy.number, &dynamic.number]).await? else {
        return Ok(None);
    };
    let position = Position::from_parts(row.try_get("commit_position")?, row.try_get("prepare_position")?);
    Ok(Some(Written {
        age_seconds: row.try_get("age")?,
        position: position.map_err(|_| ViewError::Control { what: "a position" })?,
        reservations: row.try_get("dynamic_rows")?,
        rules_version: row.try_get("rules_version")?,
        differing: row.try_get("differing")?,
        wrong_days: row.try_get("wrong_days")?,
    }))
}
