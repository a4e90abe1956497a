//! The tables of parked and discarded events. Causes are stored as given; they contain nothing of an event.

use daybook_domain::ReadModel;
use daybook_event_log::{Position, RecordedEvent, Revision, StreamName};
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::{BlockedGroup, Discard, ParkedEvent};
use crate::control::error::{EventFault, ViewError, describe};
use crate::control::generation::read_position;
use crate::control::ids::{BlockingKey, EventPlace, Generation, GenerationState, SkippedPositions};
use crate::projection::blocked_keys::BlockedKeys;

/// The columns that [`read`] expects.
const COLUMNS: &str =
    "p.model, p.number, p.commit_position, p.prepare_position, p.stream, p.revision, p.kind, p.held_up,
    p.cause, p.parked_at";

fn unknown(what: &'static str) -> ViewError {
    ViewError::Control { what }
}

fn read(row: &Row) -> Result<ParkedEvent, ViewError> {
    let model: &str = row.try_get("model")?;
    let model: ReadModel = model.parse().map_err(|_| unknown("a model"))?;
    let revision: i64 = row.try_get("revision")?;
    Ok(ParkedEvent {
        generation: Generation { model, number: row.try_get("number")? },
        position: read_position(row)?,
        stream: read_stream(row)?,
        revision: Revision::try_from(revision).map_err(|_| unknown("a revision"))?,
        kind: row.try_get("kind")?,
        held_up: BlockingKey::named(row.try_get::<_, Box<str>>("held_up")?),
        cause: row.try_get("cause")?,
        parked_at: row.try_get("parked_at")?,
    })
}

/// The blocking keys of all generations, each with its first event.
pub async fn list(client: &impl GenericClient) -> Result<Vec<BlockedGroup>, ViewError> {
    let sql = format!(
        "SELECT DISTINCT ON (p.model, p.number, p.held_up) {COLUMNS}, g.state,
                count(*) OVER (PARTITION BY p.model, p.number, p.held_up) - 1 AS waiting
         FROM control.parked_events p JOIN control.generations g USING (model, number)
         ORDER BY p.model, p.number, p.held_up, p.commit_position, p.prepare_position"
    );
    let rows = client.query(&sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let state = GenerationState::parse(row.try_get("state")?).ok_or(unknown("a state"))?;
            let waiting: i64 = row.try_get("waiting")?;
            Ok(BlockedGroup { first: read(row)?, state, waiting: waiting.unsigned_abs() })
        })
        .collect()
}

/// All parked events of a generation, in the order of the log.
pub(crate) async fn parked_in(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<Vec<ParkedEvent>, ViewError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM control.parked_events p WHERE p.model = $1 AND p.number = $2
         ORDER BY p.commit_position, p.prepare_position"
    );
    let rows = client.query(&sql, &[&generation.model.as_str(), &generation.number]).await?;
    rows.iter().map(read).collect()
}

/// The parked event at a position, of each generation that has it.
pub(super) async fn find_at(
    client: &impl GenericClient,
    position: Position,
) -> Result<Vec<ParkedEvent>, ViewError> {
    let (commit, prepare) = position.to_parts();
    let sql = format!(
        "SELECT {COLUMNS} FROM control.parked_events p WHERE p.commit_position = $1 AND p.prepare_position = $2
         ORDER BY p.model, p.number"
    );
    let rows = client.query(&sql, &[&commit, &prepare]).await?;
    rows.iter().map(read).collect()
}

/// The blocked keys of a generation. All blocking events precede the next batch.
pub(crate) async fn blocked(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<BlockedKeys, ViewError> {
    let sql = "SELECT DISTINCT held_up FROM control.parked_events WHERE model = $1 AND number = $2";
    let rows = client.query(sql, &[&generation.model.as_str(), &generation.number]).await?;
    let mut blocked = BlockedKeys::default();
    for row in &rows {
        blocked.insert(BlockingKey::named(row.try_get::<_, Box<str>>(0)?), Position::START);
    }
    Ok(blocked)
}

/// Positions that a generation has left out so far, except on day schedules, whose state is in their rows.
pub(crate) async fn skipped(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<SkippedPositions, ViewError> {
    let sql = "SELECT commit_position, prepare_position FROM control.parked_events
               WHERE model = $1 AND number = $2 AND stream NOT LIKE 'daybook-%'
               UNION SELECT commit_position, prepare_position FROM control.discarded_events";
    let rows = client.query(sql, &[&generation.model.as_str(), &generation.number]).await?;
    rows.iter().map(read_position).collect()
}

/// Positions of discarded events.
pub(crate) async fn discarded(client: &impl GenericClient) -> Result<SkippedPositions, ViewError> {
    let rows =
        client.query("SELECT commit_position, prepare_position FROM control.discarded_events", &[]).await?;
    rows.iter().map(read_position).collect()
}

/// The discarded events with their streams.
pub async fn discarded_events(client: &impl GenericClient) -> Result<Vec<(StreamName, Position)>, ViewError> {
    let sql = "SELECT stream, commit_position, prepare_position FROM control.discarded_events";
    let rows = client.query(sql, &[]).await?;
    rows.iter().map(|row| Ok((read_stream(row)?, read_position(row)?))).collect()
}

fn read_stream(row: &Row) -> Result<StreamName, ViewError> {
    StreamName::parse(row.try_get::<_, Box<str>>("stream")?).map_err(|_| unknown("a stream"))
}

/// Number of discarded events.
pub async fn count_discarded(client: &impl GenericClient) -> Result<u64, ViewError> {
    let row = client.query_one("SELECT count(*) FROM control.discarded_events", &[]).await?;
    Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
}

/// Places of discarded events, which are valid in an exported log too.
pub(crate) async fn list_discarded(client: &impl GenericClient) -> Result<Vec<EventPlace>, ViewError> {
    let sql =
        "SELECT stream, revision FROM control.discarded_events ORDER BY commit_position, prepare_position";
    let rows = client.query(sql, &[]).await?;
    let place = |row: &Row| {
        Ok(EventPlace {
            stream: read_stream(row)?,
            revision: Revision::try_from(row.try_get::<_, i64>(1)?).map_err(|_| unknown("a revision"))?,
        })
    };
    rows.iter().map(place).collect()
}

/// An event to park.
#[derive(Debug, Clone)]
pub(crate) struct ParkingEntry {
    pub(super) position: Position,
    pub(super) stream: StreamName,
    pub(super) revision: Revision,
    pub(super) kind: Box<str>,
    pub(super) held_up: BlockingKey,
    pub(super) cause: Option<String>,
}

impl ParkingEntry {
    pub(super) fn new(recorded: &RecordedEvent, held_up: BlockingKey, cause: Option<String>) -> Self {
        let RecordedEvent { position, stream, revision, event_type: kind, .. } = recorded;
        let (position, stream, revision, kind) = (*position, stream.clone(), *revision, (**kind).into());
        Self { position, stream, revision, kind, held_up, cause }
    }

    /// The error for an event that cannot be applied.
    pub(super) fn error(&self) -> ViewError {
        let Self { position, stream, revision, kind, held_up: _, cause } = self.clone();
        let source = EventFault::Recorded(cause.unwrap_or_default().into());
        ViewError::Event { position, stream, revision, kind, source }
    }
}

/// Fails with the first of these events that failed and that the live generation of the view has not parked.
///
/// # Errors
/// [`ViewError::Event`].
pub(crate) async fn check_parked_live(
    client: &impl GenericClient,
    generation: Generation,
    entries: &[ParkingEntry],
) -> Result<(), ViewError> {
    let mut failed: Vec<&ParkingEntry> = entries.iter().filter(|entry| entry.cause.is_some()).collect();
    failed.sort_by_key(|entry| entry.position);
    for entry in failed {
        if !is_parked_live(client, generation.model, entry.position).await? {
            return Err(entry.error());
        }
    }
    Ok(())
}

/// Whether the live generation of a view has parked the event at a position.
pub(crate) async fn is_parked_live(
    client: &impl GenericClient,
    model: ReadModel,
    position: Position,
) -> Result<bool, ViewError> {
    let (commit, prepare) = position.to_parts();
    let sql = "SELECT EXISTS (SELECT FROM control.parked_events p JOIN control.generations g USING (model, number)
               WHERE g.state = 'live' AND p.model = $1 AND p.commit_position = $2 AND p.prepare_position = $3)";
    Ok(client.query_one(sql, &[&model.as_str(), &commit, &prepare]).await?.try_get(0)?)
}

/// The number of events that failed in a generation and that the live generation of its view has not parked.
pub(crate) async fn count_not_parked_live(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<u64, ViewError> {
    let sql = "SELECT count(*) FROM control.parked_events p
               WHERE p.model = $1 AND p.number = $2 AND p.cause IS NOT NULL AND NOT EXISTS
                   (SELECT FROM control.parked_events l JOIN control.generations g USING (model, number)
                    WHERE g.state = 'live' AND l.model = p.model AND l.commit_position = p.commit_position
                      AND l.prepare_position = p.prepare_position)";
    let row = client.query_one(sql, &[&generation.model.as_str(), &generation.number]).await?;
    Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
}

/// Positions of all parked events of a generation.
pub(crate) async fn positions(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<SkippedPositions, ViewError> {
    Ok(parked_in(client, generation).await?.into_iter().map(|event| event.position).collect())
}

/// Parks events. An event that is already parked gets the new cause.
pub(super) async fn park(
    client: &impl GenericClient,
    generation: Generation,
    entries: &[ParkingEntry],
) -> Result<(), ViewError> {
    let (mut commits, mut prepares, mut streams, mut revisions) = (vec![], vec![], vec![], vec![]);
    let (mut kinds, mut held_up, mut causes) = (vec![], vec![], vec![]);
    for entry in entries {
        let (commit, prepare) = entry.position.to_parts();
        commits.push(commit);
        prepares.push(prepare);
        streams.push(entry.stream.as_str());
        revisions.push(entry.revision.as_i64());
        kinds.push(&*entry.kind);
        held_up.push(entry.held_up.as_str());
        causes.push(entry.cause.as_deref());
    }
    let sql = "INSERT INTO control.parked_events
                   (model, number, commit_position, prepare_position, stream, revision, kind, held_up, cause)
               SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[])
               ON CONFLICT (model, number, commit_position, prepare_position)
               DO UPDATE SET held_up = excluded.held_up, cause = excluded.cause";
    let model = generation.model.as_str();
    client
        .execute(
            sql,
            &[
                &model,
                &generation.number,
                &commits,
                &prepares,
                &streams,
                &revisions,
                &kinds,
                &held_up,
                &causes,
            ],
        )
        .await?;
    Ok(())
}

/// Deletes parked events.
pub(super) async fn release(
    client: &impl GenericClient,
    generation: Generation,
    positions: &[Position],
) -> Result<(), ViewError> {
    let (commits, prepares): (Vec<i64>, Vec<i64>) =
        positions.iter().map(|find_at| find_at.to_parts()).unzip();
    let sql = "DELETE FROM control.parked_events p USING unnest($3::bigint[], $4::bigint[]) AS gone (c, p)
               WHERE p.model = $1 AND p.number = $2 AND p.commit_position = gone.c AND p.prepare_position = gone.p";
    client.execute(sql, &[&generation.model.as_str(), &generation.number, &commits, &prepares]).await?;
    Ok(())
}

/// Updates the number of parked events beside the checkpoint and returns it.
pub(super) async fn count(client: &impl GenericClient, generation: Generation) -> Result<u64, ViewError> {
    let sql = "UPDATE control.checkpoints SET parked =
                   (SELECT count(*) FROM control.parked_events WHERE model = $1 AND number = $2)
               WHERE model = $1 AND number = $2 RETURNING parked";
    let row = client.query_one(sql, &[&generation.model.as_str(), &generation.number]).await?;
    Ok(u64::from(row.try_get::<_, i32>(0)?.unsigned_abs()))
}

/// Records the event at which a rebuild stopped until its remains are dropped. Only such events and parked ones can be
/// discarded.
pub(crate) async fn record_failure(
    client: &impl GenericClient,
    generation: Generation,
    stop: &ViewError,
) -> Result<(), ViewError> {
    let ViewError::Event { position, stream, revision, kind, source } = stop else { return Ok(()) };
    let entry = ParkingEntry {
        position: *position,
        stream: stream.clone(),
        revision: *revision,
        kind: kind.clone(),
        held_up: BlockingKey::event(stream, *revision),
        cause: Some(describe(source)),
    };
    park(client, generation, &[entry]).await?;
    count(client, generation).await?;
    Ok(())
}

/// Records a discarded event with the decision.
pub(super) async fn insert_discard(
    client: &impl GenericClient,
    event: &ParkedEvent,
    discard: &Discard,
) -> Result<(), ViewError> {
    let (commit, prepare) = event.position.to_parts();
    let sql = "INSERT INTO control.discarded_events
                   (commit_position, prepare_position, stream, revision, kind, held_up, cause, actor, reason)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    let cause = event.cause.as_deref().unwrap_or_default();
    client
        .execute(
            sql,
            &[
                &commit,
                &prepare,
                &event.stream.as_str(),
                &event.revision.as_i64(),
                &&*event.kind,
                &event.held_up.as_str(),
                &cause,
                &discard.actor.as_str(),
                &discard.reason.as_str(),
            ],
        )
        .await?;
    Ok(())
}
