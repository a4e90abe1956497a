//! Generations of the views: which there are, which of each serves, how far each has come.
//!
//! A generation is a set of tables in a schema of its own, such as `legacy_4`. To let another one serve is an update of
//! `control.generations` and nothing else: no DDL stands in the way of a reader.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_event_log::Position;
use deadpool_postgres::GenericClient;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::ViewError;
use crate::control::leader::Epoch;
use crate::projection::canonical::FOLD_VERSION;
use crate::store::tables;

/// One generation of one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation {
    /// Which view.
    pub model: ReadModel,
    /// Its number, from 1; numbers are never used again.
    pub number: i32,
}

impl Generation {
    /// The schema that holds its tables. Made of a fixed word and a number, so it can stand in SQL as it is.
    pub fn schema(self) -> String {
        format!("{}_{}", self.model, self.number)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.schema())
    }
}

/// The text names no generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a generation is named like legacy_3 or dynamic_12")]
pub struct InvalidGeneration;

impl FromStr for Generation {
    type Err = InvalidGeneration;

    fn from_str(text: &str) -> Result<Self, InvalidGeneration> {
        let (model, number) = text.rsplit_once('_').ok_or(InvalidGeneration)?;
        let model = model.parse().map_err(|_| InvalidGeneration)?;
        let number = number.parse().ok().filter(|number| *number > 0).ok_or(InvalidGeneration)?;
        Ok(Self { model, number })
    }
}

impl Serialize for Generation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Generation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a generation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationState {
    /// It is being built; nobody reads it.
    Building,
    /// It answers reads and is kept up.
    Live,
    /// It answered reads once and is kept for a while as it was.
    Kept,
    /// It holds the past up to a moment, for whoever wants to look; it never serves.
    Past,
    /// Its rebuild did not come to its end.
    Failed,
}

impl GenerationState {
    const ALL: [Self; 5] = [Self::Building, Self::Live, Self::Kept, Self::Past, Self::Failed];

    /// Reads what `control.generations` holds.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// As `control.generations` holds it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Kept => "kept",
            Self::Past => "past",
            Self::Failed => "failed",
        }
    }
}

/// A generation and where it stands.
#[derive(Debug, Clone, Serialize)]
pub struct GenerationStatus {
    /// Which.
    pub generation: Generation,
    /// What it is for.
    pub state: GenerationState,
    /// Up to where it holds everything.
    pub position: Position,
    /// Events up to there that it could not take in, with those that wait behind them.
    pub parked: u64,
    /// When that was last moved.
    pub updated_at: DateTime<Utc>,
    /// How long ago that was when this was read, in seconds, by the database's clock.
    pub still_seconds: f64,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When it began to serve.
    pub promoted_at: Option<DateTime<Utc>>,
    /// When another one took its place.
    pub replaced_at: Option<DateTime<Utc>>,
    /// Its name, where it is one of the past.
    pub name: Option<Box<str>>,
    /// Version of the rules by which it was folded; see [`crate::FOLD_VERSION`].
    pub rules_version: u32,
    /// What the rebuild of it is doing, or did last; see [`crate::Phase`].
    pub phase: Option<Box<str>>,
    /// Events that the rebuild of it has read.
    pub events: Option<u64>,
}

const STANDINGS: &str = "
    SELECT g.model, g.number, g.state, g.created_at, g.promoted_at, g.replaced_at, g.name, g.rules_version, g.phase, g.events,
           c.commit_position, c.prepare_position, c.parked, c.updated_at,
           greatest(extract(epoch FROM clock_timestamp() - c.updated_at), 0)::float8 AS still_seconds
    FROM control.generations g JOIN control.checkpoints c USING (model, number)";

impl GenerationStatus {
    fn read(row: &Row) -> Result<Self, ViewError> {
        let odd = |what| ViewError::Control { what };
        let model = ReadModel::from_str(row.try_get("model")?).map_err(|_| odd("a model"))?;
        let state: &str = row.try_get("state")?;
        let position =
            Position::from_parts(row.try_get("commit_position")?, row.try_get("prepare_position")?);
        Ok(Self {
            generation: Generation { model, number: row.try_get("number")? },
            state: GenerationState::parse(state).ok_or(odd("a state"))?,
            position: position.map_err(|_| odd("a position"))?,
            parked: u64::from(row.try_get::<_, i32>("parked")?.unsigned_abs()),
            updated_at: row.try_get("updated_at")?,
            still_seconds: row.try_get("still_seconds")?,
            created_at: row.try_get("created_at")?,
            promoted_at: row.try_get("promoted_at")?,
            replaced_at: row.try_get("replaced_at")?,
            name: row.try_get::<_, Option<&str>>("name")?.map(Box::from),
            rules_version: row.try_get::<_, i32>("rules_version")?.unsigned_abs(),
            phase: row.try_get::<_, Option<&str>>("phase")?.map(Box::from),
            events: row.try_get::<_, Option<i64>>("events")?.map(i64::unsigned_abs),
        })
    }
}

/// All generations, by view and number.
pub async fn list(client: &impl GenericClient) -> Result<Vec<GenerationStatus>, ViewError> {
    let rows = client.query(&format!("{STANDINGS} ORDER BY g.model, g.number"), &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// The generations that serve, at most one of each view.
pub async fn live(client: &impl GenericClient) -> Result<Vec<GenerationStatus>, ViewError> {
    let rows = client.query(&format!("{STANDINGS} WHERE g.state = 'live' ORDER BY g.model"), &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// The generation of a view that serves.
///
/// # Errors
/// [`ViewError::NotLive`] where there is none.
pub async fn serving(client: &impl GenericClient, model: ReadModel) -> Result<Generation, ViewError> {
    let live = live(client).await?;
    let found = live.iter().map(|standing| standing.generation).find(|generation| generation.model == model);
    found.ok_or(ViewError::NotLive { model })
}

/// The generations that are being built, each with what its rebuild last said.
pub(crate) async fn building(client: &impl GenericClient) -> Result<Vec<GenerationStatus>, ViewError> {
    let rows = client.query(&format!("{STANDINGS} WHERE g.state = 'building' ORDER BY g.model"), &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// The generations that serve, with their checkpoints held until the transaction ends: nobody else moves or promotes.
pub async fn hold_live(client: &impl GenericClient) -> Result<Vec<GenerationStatus>, ViewError> {
    let held = format!("{STANDINGS} WHERE g.state = 'live' ORDER BY g.model FOR UPDATE OF c");
    let rows = client.query(&held, &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// A generation, with its checkpoint and those of all that serve held until the transaction ends.
pub(crate) async fn hold(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<Option<GenerationStatus>, ViewError> {
    hold_live(client).await?;
    let held = format!("{STANDINGS} WHERE g.model = $1 AND g.number = $2 FOR UPDATE OF c");
    let row = client.query_opt(&held, &[&generation.model.as_str(), &generation.number]).await?;
    row.as_ref().map(GenerationStatus::read).transpose()
}

/// How many events of each of some generations are parked, in their order.
pub(crate) async fn parked(
    client: &impl GenericClient,
    generations: &[Generation],
) -> Result<Vec<(Generation, u64)>, ViewError> {
    let all = list(client).await?;
    let of = |generation: &Generation| all.iter().find(|standing| standing.generation == *generation);
    let parked = |generation| (generation, of(&generation).map_or(0, |standing| standing.parked));
    Ok(generations.iter().copied().map(parked).collect())
}

/// Generations that are kept and have parked events, with their checkpoints held like those of [`hold_live`].
pub(crate) async fn hold_kept_with_parked(
    client: &impl GenericClient,
) -> Result<Vec<GenerationStatus>, ViewError> {
    let held = format!(
        "{STANDINGS} WHERE g.state = 'kept' AND c.parked > 0 ORDER BY g.model, g.number FOR UPDATE OF c"
    );
    let rows = client.query(&held, &[]).await?;
    rows.iter().map(GenerationStatus::read).collect()
}

/// Enters a new generation of a view, being built.
pub(crate) async fn begin(client: &impl GenericClient, model: ReadModel) -> Result<Generation, ViewError> {
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

/// Lets a generation serve in place of the one that does.
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

/// Lets the live generation of a view be kept without another in its place: the view is retired.
pub async fn keep_live(client: &impl GenericClient, model: ReadModel) -> Result<(), ViewError> {
    client
        .execute(
            "UPDATE control.generations SET state = 'kept', replaced_at = now() WHERE model = $1 AND state = 'live'",
            &[&model.as_str()],
        )
        .await?;
    Ok(())
}

/// Marks a generation as not come to its end.
pub(crate) async fn fail(client: &impl GenericClient, generation: Generation) -> Result<(), ViewError> {
    let (model, number) = (generation.model.as_str(), generation.number);
    client
        .execute(
            "UPDATE control.generations SET state = 'failed' WHERE model = $1 AND number = $2",
            &[&model, &number],
        )
        .await?;
    Ok(())
}

/// The generations that have a name.
pub(crate) async fn named(client: &impl GenericClient, name: &str) -> Result<Vec<Generation>, ViewError> {
    let rows = client.query(&format!("{STANDINGS} WHERE g.name = $1 ORDER BY g.model"), &[&name]).await?;
    rows.iter().map(|row| GenerationStatus::read(row).map(|standing| standing.generation)).collect()
}

/// Lets a generation that was built be one of the past, under a name.
pub(crate) async fn end_as_past(
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

/// Notes how far the rebuild of a generation is.
pub(crate) async fn note_progress(
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

/// Drops a generation's tables and its entry.
pub async fn drop(client: &impl GenericClient, generation: Generation) -> Result<(), ViewError> {
    tables::drop(client, generation).await?;
    let (model, number) = (generation.model.as_str(), generation.number);
    client
        .execute("DELETE FROM control.generations WHERE model = $1 AND number = $2", &[&model, &number])
        .await?;
    Ok(())
}

/// Sets the checkpoint of a generation that is being built back to the start.
pub(crate) async fn set_back(client: &impl GenericClient, generation: Generation) -> Result<(), ViewError> {
    let (model, number) = (generation.model.as_str(), generation.number);
    client
        .execute(
            "UPDATE control.checkpoints SET commit_position = 0, prepare_position = 0 WHERE model = $1 AND number = $2",
            &[&model, &number],
        )
        .await?;
    Ok(())
}

/// Moves a checkpoint on, only from where the batch was read. Whether it stood there. A leader leaves its epoch with it.
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
