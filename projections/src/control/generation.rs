//! Generations of the views: which exist, which are live, and their checkpoints.
//!
//! A generation is a set of tables in its own schema, such as `legacy_4`. Promoting one only updates
//! `control.generations`: no DDL blocks a reader. Nothing here issues DDL.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_event_log::Position;
use deadpool_postgres::GenericClient;
use serde::Serialize;
use tokio_postgres::Row;

use crate::control::error::ViewError;
use crate::control::ids::{Epoch, FOLD_VERSION, Generation, GenerationState};
use crate::control::write_failure::WriteFailure;

/// A generation, its state and its checkpoint.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct GenerationStatus {
    pub generation: Generation,
    pub state: GenerationState,
    /// Its checkpoint: it has applied all events up to this position.
    pub position: Position,
    /// Parked events up to the checkpoint, including those that wait for an earlier one.
    pub parked: u64,
    /// When the checkpoint last moved.
    pub updated_at: DateTime<Utc>,
    /// Seconds since then at the time of reading, by the database's clock.
    pub still_seconds: f64,
    /// Why the events after its checkpoint cannot be written; none if nothing is known to prevent it.
    pub write_failure: Option<WriteFailure>,
    /// When its rebuild began.
    pub created_at: DateTime<Utc>,
    pub promoted_at: Option<DateTime<Utc>>,
    /// When another generation replaced it.
    pub replaced_at: Option<DateTime<Utc>>,
    /// Its name, if it is a past generation.
    pub name: Option<Box<str>>,
    /// The fold version that built it; see [`crate::FOLD_VERSION`].
    pub rules_version: u32,
    /// The current or last phase of its rebuild; see [`crate::Phase`].
    pub phase: Option<Box<str>>,
    /// Events that its rebuild has read.
    pub events: Option<u64>,
}

/// A write failure at an earlier checkpoint is past.
const STANDINGS: &str = "
    SELECT g.model, g.number, g.state, g.created_at, g.promoted_at, g.replaced_at, g.name, g.rules_version, g.phase, g.events,
           c.commit_position, c.prepare_position, c.parked, c.updated_at,
           greatest(extract(epoch FROM clock_timestamp() - c.updated_at), 0)::float8 AS still_seconds,
           CASE WHEN (c.failed_commit, c.failed_prepare) = (c.commit_position, c.prepare_position)
               THEN c.failure END AS failure, c.failure_sqlstate, c.failing_since,
           greatest(extract(epoch FROM clock_timestamp() - c.failing_since), 0)::float8 AS failing_seconds
    FROM control.generations g JOIN control.checkpoints c USING (model, number)";

impl GenerationStatus {
    fn read(row: &Row) -> Result<Self, ViewError> {
        let odd = |what| ViewError::Control { what };
        let model = ReadModel::from_str(row.try_get("model")?).map_err(|_| odd("a model"))?;
        let state: &str = row.try_get("state")?;
        Ok(Self {
            generation: Generation { model, number: row.try_get("number")? },
            state: GenerationState::parse(state).ok_or(odd("a state"))?,
            position: read_position(row)?,
            parked: u64::from(row.try_get::<_, i32>("parked")?.unsigned_abs()),
            updated_at: row.try_get("updated_at")?,
            still_seconds: row.try_get("still_seconds")?,
            write_failure: WriteFailure::read(row)?,
            created_at: row.try_get("created_at")?,
            promoted_at: row.try_get("promoted_at")?,
            replaced_at: row.try_get("replaced_at")?,
            name: row.try_get::<_, Option<&str>>("name")?.map(Box::from),
            rules_version: row.try_get::<_, i32>("rules_version")?.unsigned_abs(),
            phase: row.try_get::<_, Option<&str>>("phase")?.map(Box::from),
            events: row.try_get::<_, Option<i64>>("events")?.map(i64::unsigned_abs),
        })
    }

    /// Why it cannot be written, once that has lasted for a moment.
    pub fn lasting_failure(&self) -> Option<&WriteFailure> {
        self.write_failure.as_ref().filter(|failure| failure.is_lasting())
    }

    /// Checks that it can be written, as far as is known.
    ///
    /// # Errors
    /// [`ViewError::NotWritable`].
    pub fn check_writable(&self) -> Result<(), ViewError> {
        let Some(failure) = self.lasting_failure() else { return Ok(()) };
        Err(ViewError::NotWritable { generation: self.generation, cause: failure.describe().into() })
    }
}

/// The position in the columns `commit_position` and `prepare_position` of a row.
pub(crate) fn read_position(row: &Row) -> Result<Position, ViewError> {
    Position::from_parts(row.try_get("commit_position")?, row.try_get("prepare_position")?)
        .map_err(|_| ViewError::Control { what: "a position" })
}

/// All generations by view and number.
pub async fn list(client: &impl GenericClient) -> Result<Vec<GenerationStatus>, ViewError> {
    let rows = client.query(&format!("{STANDINGS} ORDER BY g.model, g.number"), &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// The live generations, at most one per view.
pub async fn live(client: &impl GenericClient) -> Result<Vec<GenerationStatus>, ViewError> {
    let rows = client.query(&format!("{STANDINGS} WHERE g.state = 'live' ORDER BY g.model"), &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// The live generation of a view.
///
/// # Errors
/// [`ViewError::NotLive`] if there is none.
pub async fn serving(client: &impl GenericClient, model: ReadModel) -> Result<Generation, ViewError> {
    let live = live(client).await?;
    let found = live.iter().map(|status| status.generation).find(|generation| generation.model == model);
    found.ok_or(ViewError::NotLive { model })
}

/// The generations that are being built, with the progress of their rebuild.
pub(crate) async fn building(client: &impl GenericClient) -> Result<Vec<GenerationStatus>, ViewError> {
    let rows = client.query(&format!("{STANDINGS} WHERE g.state = 'building' ORDER BY g.model"), &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// The live generations, with their checkpoints locked until the transaction ends: nobody else can advance or promote.
pub async fn hold_live(client: &impl GenericClient) -> Result<Vec<GenerationStatus>, ViewError> {
    let held = format!("{STANDINGS} WHERE g.state = 'live' ORDER BY g.model FOR UPDATE OF c");
    let rows = client.query(&held, &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// A generation, with its checkpoint and those of all live ones locked until the transaction ends.
pub(crate) async fn hold(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<Option<GenerationStatus>, ViewError> {
    hold_live(client).await?;
    let held = format!("{STANDINGS} WHERE g.model = $1 AND g.number = $2 FOR UPDATE OF c");
    let row = client.query_opt(&held, &[&generation.model.as_str(), &generation.number]).await?;
    row.as_ref().map(GenerationStatus::read).transpose()
}

/// The number of parked events of each generation.
pub(crate) async fn parked(
    client: &impl GenericClient,
    generations: &[Generation],
) -> Result<Vec<(Generation, u64)>, ViewError> {
    let all = list(client).await?;
    let of = |generation: &Generation| all.iter().find(|status| status.generation == *generation);
    let parked = |generation| (generation, of(&generation).map_or(0, |status| status.parked));
    Ok(generations.iter().copied().map(parked).collect())
}

/// Streams of which a generation applies nothing more: an event that the whole stream waits for is parked.
pub(crate) async fn held_up_streams(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<Vec<String>, ViewError> {
    let sql = "SELECT DISTINCT held_up FROM control.parked_events WHERE model = $1 AND number = $2 AND held_up = stream
               ORDER BY held_up";
    let rows = client.query(sql, &[&generation.model.as_str(), &generation.number]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Kept generations with parked events, their checkpoints locked as in [`hold_live`].
pub(crate) async fn hold_kept_with_parked(
    client: &impl GenericClient,
) -> Result<Vec<GenerationStatus>, ViewError> {
    let held = format!(
        "{STANDINGS} WHERE g.state = 'kept' AND c.parked > 0 ORDER BY g.model, g.number FOR UPDATE OF c"
    );
    let rows = client.query(&held, &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// Inserts a new generation of a view in the state `building`.
pub(crate) async fn insert(client: &impl GenericClient, model: ReadModel) -> Result<Generation, ViewError> {
    let row = client
        .query_one(
            "WITH begun AS (
                 INSERT INTO control.generations (model, number, state, rules_version)
                 SELECT $1, nextval(('control.' || $1 || '_numbers')::regclass), 'building', $2::bigint
                 RETURNING model, number)
             INSERT INTO control.checkpoints (model, number, commit_position, prepare_position)
             SELECT model, number, 0, 0 FROM begun RETURNING number",
            &[&model.as_str(), &i64::from(FOLD_VERSION)],
        )
        .await?;
    Ok(Generation { model, number: row.try_get(0)? })
}

/// Makes a generation live in place of the current one.
pub(crate) async fn promote(client: &impl GenericClient, generation: Generation) -> Result<(), ViewError> {
    let (model, number) = (generation.model.as_str(), generation.number);
    keep_live(client, generation.model).await?;
    client
        .execute(
            "UPDATE control.generations SET state = 'live', promoted_at = now() WHERE model = $1 AND number = $2",
            &[&model, &number],
        )
        .await?;
    Ok(())
}

/// Ends the live generation of a view without a successor: the view is retired.
pub async fn keep_live(client: &impl GenericClient, model: ReadModel) -> Result<(), ViewError> {
    client
        .execute(
            "UPDATE control.generations SET state = 'kept', replaced_at = now() WHERE model = $1 AND state = 'live'",
            &[&model.as_str()],
        )
        .await?;
    Ok(())
}

/// Marks a generation as failed.
pub(crate) async fn mark_failed(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<(), ViewError> {
    let (model, number) = (generation.model.as_str(), generation.number);
    client
        .execute(
            "UPDATE control.generations SET state = 'failed' WHERE model = $1 AND number = $2",
            &[&model, &number],
        )
        .await?;
    Ok(())
}

/// The generations with this name.
pub(crate) async fn list_named(
    client: &impl GenericClient,
    name: &str,
) -> Result<Vec<Generation>, ViewError> {
    let rows = client.query(&format!("{STANDINGS} WHERE g.name = $1 ORDER BY g.model"), &[&name]).await?;
    rows.iter().map(|row| GenerationStatus::read(row).map(|status| status.generation)).collect()
}

/// Turns a completed generation into a past generation with a name.
pub(crate) async fn mark_past(
    client: &impl GenericClient,
    generation: Generation,
    name: &str,
) -> Result<(), ViewError> {
    let (model, number) = (generation.model.as_str(), generation.number);
    client
        .execute(
            "UPDATE control.generations SET state = 'past', name = $3 WHERE model = $1 AND number = $2",
            &[&model, &number, &name],
        )
        .await?;
    Ok(())
}

/// Records the progress of a generation's rebuild.
pub(crate) async fn record_progress(
    client: &impl GenericClient,
    generation: Generation,
    phase: &str,
    events: u64,
) -> Result<(), ViewError> {
    let (model, number) = (generation.model.as_str(), generation.number);
    let events = i64::try_from(events).unwrap_or(i64::MAX);
    client
        .execute(
            "UPDATE control.generations SET phase = $3, events = $4, phase_at = now() WHERE model = $1 AND number = $2",
            &[&model, &number, &phase, &events],
        )
        .await?;
    Ok(())
}

/// Deletes a generation's entry. Its tables have to be dropped first, see [`crate::store::tables::drop_generation`].
pub async fn delete_entry(client: &impl GenericClient, generation: Generation) -> Result<(), ViewError> {
    let (model, number) = (generation.model.as_str(), generation.number);
    client
        .execute("DELETE FROM control.generations WHERE model = $1 AND number = $2", &[&model, &number])
        .await?;
    Ok(())
}

/// Resets the checkpoint of a generation that is being built.
pub(crate) async fn reset_checkpoint(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<(), ViewError> {
    let (model, number) = (generation.model.as_str(), generation.number);
    client
        .execute(
            "UPDATE control.checkpoints SET commit_position = 0, prepare_position = 0 WHERE model = $1 AND number = $2",
            &[&model, &number],
        )
        .await?;
    Ok(())
}

/// Advances a checkpoint if it is still where the batch was read. Returns whether it was. A leader records its epoch
/// with it.
pub(crate) async fn advance(
    client: &impl GenericClient,
    generation: Generation,
    from: Position,
    to: Position,
    epoch: Option<Epoch>,
) -> Result<bool, ViewError> {
    let (model, number, epoch) = (generation.model.as_str(), generation.number, epoch.map(Epoch::to_sql));
    let ((from_commit, from_prepare), (commit, prepare)) = (from.to_parts(), to.to_parts());
    let moved = client
        .execute(
            "UPDATE control.checkpoints SET commit_position = $5, prepare_position = $6, epoch = $7, updated_at = now()
             WHERE model = $1 AND number = $2 AND commit_position = $3 AND prepare_position = $4",
            &[&model, &number, &from_commit, &from_prepare, &commit, &prepare, &epoch],
        )
        .await?;
    Ok(moved == 1)
}
