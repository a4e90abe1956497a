//! The records of retirements, `control.retirements`. They document and prove; only the log may decide what is retired.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_domain::routing::{Recording, ViewRetired};
use daybook_event_log::Position;
use deadpool_postgres::GenericClient;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use super::position;
use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::control::ids::Generation;
use daybook_projections::projection::canonical::Digest;

/// A row of `control.retirements`.
#[derive(Debug, Clone, Serialize)]
pub struct RetirementRecord {
    pub model: ReadModel,
    /// The last generation that served.
    pub generation: Generation,
    /// Position of the comparison with the other view.
    pub position: Position,
    pub reservations: i64,
    pub digest: Digest,
    /// Version of the rules that reduced rows to facts.
    pub rules_version: i32,
    /// Number of declared differences, by kind.
    pub declared: BTreeMap<String, u64>,
    /// Ids of the reservations that no other view has.
    pub only_here: Vec<String>,
    pub actor: String,
    pub reason: String,
    pub retired_at: DateTime<Utc>,
    pub dropped_at: Option<DateTime<Utc>>,
    pub restored_at: Option<DateTime<Utc>>,
}

const RECORDS: &str = "
    SELECT model, number, commit_position, prepare_position, reservations, digest, rules_version, declared::text AS declared,
           only_here, actor, reason, retired_at, dropped_at, restored_at
    FROM control.retirements";

impl RetirementRecord {
    fn read(row: &Row) -> Result<Self, ViewError> {
        let invalid = |what| ViewError::Control { what };
        let model: ReadModel = row.try_get::<_, &str>("model")?.parse().map_err(|_| invalid("a model"))?;
        let position =
            Position::from_parts(row.try_get("commit_position")?, row.try_get("prepare_position")?);
        let declared = serde_json::from_str(row.try_get("declared")?);
        Ok(Self {
            model,
            generation: Generation { model, number: row.try_get("number")? },
            position: position.map_err(|_| invalid("a position"))?,
            reservations: row.try_get("reservations")?,
            digest: Digest::from_uuid(row.try_get("digest")?),
            rules_version: row.try_get("rules_version")?,
            declared: declared.map_err(|_| invalid("declared differences"))?,
            only_here: row.try_get("only_here")?,
            actor: row.try_get("actor")?,
            reason: row.try_get("reason")?,
            retired_at: row.try_get("retired_at")?,
            dropped_at: row.try_get("dropped_at")?,
            restored_at: row.try_get("restored_at")?,
        })
    }
}

/// All retirements, oldest first.
pub async fn records(client: &impl GenericClient) -> Result<Vec<RetirementRecord>, ViewError> {
    let rows = client.query(&format!("{RECORDS} ORDER BY retired_at, number"), &[]).await?;
    rows.iter().map(RetirementRecord::read).collect()
}

/// Ids of the reservations of a generation that the live generation of no other view has.
pub(super) async fn only_in(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<Vec<String>, ViewError> {
    let live = generation::live(client).await?;
    let others = live.iter().filter(|status| status.generation.model != generation.model);
    let lacks = |other: Generation| {
        format!("NOT EXISTS (SELECT FROM {}.reservations o WHERE o.id = r.id)", other.schema())
    };
    let conditions: Vec<String> = others.map(|status| lacks(status.generation)).collect();
    let conditions = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
    let sql =
        format!("SELECT r.id FROM {}.reservations r WHERE {conditions} ORDER BY 1", generation.schema());
    let rows = client.query(&sql, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Inserts a retirement unless it exists, and returns the stored record.
pub(super) async fn insert(
    client: &impl GenericClient,
    retired: &ViewRetired,
    recording: &Recording,
    only_here: &[String],
) -> Result<RetirementRecord, ViewError> {
    let invalid = |what| ViewError::Control { what };
    let (model, number) = (retired.model.as_str(), retired.generation);
    let (commit, prepare) = position(retired.position)?.to_parts();
    let digest = Uuid::parse_str(&retired.digest).map_err(|_| invalid("a retirement's digest"))?;
    let reservations =
        i64::try_from(retired.reservations).map_err(|_| invalid("a retirement's reservations"))?;
    let declared: BTreeMap<&str, u64> =
        retired.declared.iter().map(|declared| (&*declared.kind, declared.reservations)).collect();
    let declared = serde_json::to_value(declared).map_err(|_| invalid("declared differences"))?.to_string();
    // The process that ended an earlier retirement may have been killed before it updated the record.
    let close = "UPDATE control.retirements SET restored_at = now()
                 WHERE model = $1 AND number <> $2 AND restored_at IS NULL";
    client.execute(close, &[&model, &number]).await?;
    let insert = "
        INSERT INTO control.retirements (model, number, commit_position, prepare_position, reservations, digest,
                                         rules_version, declared, only_here, actor, reason, retired_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7::bigint, $8::text::jsonb, $9, $10, $11, $12)
        ON CONFLICT (model, number) DO NOTHING";
    let (rules_version, actor) = (i64::from(retired.rules_version), recording.actor.as_str());
    client
        .execute(
            insert,
            &[
                &model,
                &number,
                &commit,
                &prepare,
                &reservations,
                &digest,
                &rules_version,
                &declared,
                &only_here,
                &actor,
                &&*retired.reason,
                &recording.at,
            ],
        )
        .await?;
    let row =
        client.query_one(&format!("{RECORDS} WHERE model = $1 AND number = $2"), &[&model, &number]).await?;
    RetirementRecord::read(&row)
}

/// Records that the tables of the retired view were dropped.
pub(super) async fn note_dropped(client: &impl GenericClient, model: ReadModel) -> Result<(), ViewError> {
    let sql = "UPDATE control.retirements SET dropped_at = now()
               WHERE model = $1 AND restored_at IS NULL AND dropped_at IS NULL";
    client.execute(sql, &[&model.as_str()]).await?;
    Ok(())
}

/// Records that the view was restored.
pub(super) async fn note_restored(client: &impl GenericClient, model: ReadModel) -> Result<(), ViewError> {
    let sql = "UPDATE control.retirements SET restored_at = now() WHERE model = $1 AND restored_at IS NULL";
    client.execute(sql, &[&model.as_str()]).await?;
    Ok(())
}
