//! Past generations: a view as of a position or a time, under a name.
//!
//! They are built like any other generation but are never live: nobody is routed to them and they do not advance.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_event_log::{EventLog, Filter, Position, codec};
use futures_util::TryStreamExt;
use serde::Serialize;

use super::{FailingEvents, Listener, PhaseClock, ProgressRecorder, Rebuild, loading};
use crate::control::error::ViewError;
use crate::control::generation;
use crate::control::ids::{Generation, GenerationState};
use crate::projection::canonical::Digest;
use crate::projection::day_digests;
use crate::store::{rows, tables};

/// The name of a past generation: 1 to 40 of `a-z`, `0-9` and `_`, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct GenerationName(Box<str>);

/// The text is not a valid name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 40 of a-z, 0-9 and _, and begins with a letter")]
pub struct InvalidGenerationName;

impl GenerationName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GenerationName {
    type Err = InvalidGenerationName;

    fn from_str(text: &str) -> Result<Self, InvalidGenerationName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let sound = text.len() <= 40
            && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
            && text.bytes().all(plain);
        if sound { Ok(Self(text.into())) } else { Err(InvalidGenerationName) }
    }
}

impl fmt::Display for GenerationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The end of a past generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointInTime {
    /// The last event at or before a position.
    Position(Position),
    /// The last event before the first one that was recorded after this time, by the recording process's clock.
    Instant(DateTime<Utc>),
}

/// The result of building past generations.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct PastReport {
    pub name: GenerationName,
    /// The generations, one per requested view.
    pub generations: Vec<Generation>,
    /// Position of their last event.
    pub position: Position,
    pub events: u64,
    pub reservations: u64,
    /// Reservations of each generation. They differ if the views lack different events.
    pub reservations_each: Vec<u64>,
    /// Digest of each one's reservations, in the order of the generations.
    pub digests: Vec<Digest>,
    /// Events that they lack, because they cannot be applied.
    pub parked: FailingEvents,
    pub seconds: std::collections::BTreeMap<&'static str, f64>,
}

impl Rebuild {
    /// Builds views as of a point in time.
    ///
    /// # Errors
    /// [`ViewError::NameTaken`] if a generation already has the name; otherwise as [`Self::run`].
    pub async fn past(
        &self,
        models: &[ReadModel],
        until: PointInTime,
        name: &GenerationName,
        progress: Listener<'_>,
    ) -> Result<PastReport, ViewError> {
        // Such a generation never serves, so an event that it lacks is no reason to do without it.
        let parking = self.clone().parking();
        parking.alone(parking.build_past(models, until, name, progress)).await
    }

    async fn build_past(
        &self,
        models: &[ReadModel],
        until: PointInTime,
        name: &GenerationName,
        progress: Listener<'_>,
    ) -> Result<PastReport, ViewError> {
        self.sweep().await?;
        let position = find(self.log.as_ref(), until).await?;
        let client = self.client().await?;
        let taken = generation::list_named(&client, name.as_str()).await?;
        if let Some(generation) = taken.into_iter().find(|taken| models.contains(&taken.model)) {
            return Err(ViewError::NameTaken { name: name.as_str().into(), generation });
        }
        let generations = self.begin(&client, models).await?;
        let built = self.fill_past(&generations, position, name, progress).await;
        self.fail_where_broken(&client, &generations, built).await
    }

    async fn fill_past(
        &self,
        generations: &[Generation],
        position: Position,
        name: &GenerationName,
        progress: Listener<'_>,
    ) -> Result<PastReport, ViewError> {
        let mut clock = PhaseClock::new(progress);
        let record = ProgressRecorder::start(&self.pool, generations, &clock);
        let last = self.fill(generations, position, &mut clock).await?;
        last.map(loading::release);
        drop(record);
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let (mut digests, mut reservations_each) = (Vec::new(), Vec::new());
        for generation in generations {
            let days = rows::read_digests(&transaction, *generation).await?;
            reservations_each.push(day_digests::reservations(&days));
            digests.push(day_digests::total(&days));
            generation::mark_past(&transaction, *generation, name.as_str()).await?;
        }
        transaction.commit().await?;
        // From now on a forgetting finds them. Those before had no effect on what this read.
        for generation in generations {
            self.erase_in(*generation).await?;
        }
        let parked = FailingEvents::parked_in(&client, generations).await?;
        Ok(PastReport {
            name: name.clone(),
            generations: generations.to_vec(),
            position,
            events: clock.events,
            reservations: reservations_each.last().copied().unwrap_or_default(),
            reservations_each,
            digests,
            parked,
            seconds: clock.finish(),
        })
    }

    /// Drops a past, kept or failed generation.
    ///
    /// # Errors
    /// [`ViewError::NotToBeDropped`] if it is live, is being built or does not exist.
    pub async fn drop_generation(&self, generation: Generation) -> Result<(), ViewError> {
        self.alone(async {
            let client = self.client().await?;
            let all = generation::list(&client).await?;
            let state = all.into_iter().find(|one| one.generation == generation).map(|one| one.state);
            match state {
                Some(GenerationState::Past | GenerationState::Kept | GenerationState::Failed) => {
                    tables::drop_generation(&client, generation).await
                }
                Some(GenerationState::Live | GenerationState::Building) | None => {
                    Err(ViewError::NotToBeDropped { generation, state })
                }
            }
        })
        .await
    }
}

/// Position of the last event up to a point in time.
async fn find(log: &dyn EventLog, until: PointInTime) -> Result<Position, ViewError> {
    let moment = match until {
        PointInTime::Position(position) => return Ok(position.min(log.head().await?)),
        PointInTime::Instant(moment) => moment,
    };
    let mut events = log.read_all(Position::START, &Filter::all()).await?;
    let mut last = Position::START;
    while let Some(event) = events.try_next().await? {
        let (_, metadata) =
            codec::decode_metadata(&event.metadata).map_err(|fault| ViewError::from_event(&event, fault))?;
        if metadata.recorded_at > moment {
            break;
        }
        last = event.position;
    }
    Ok(last)
}
