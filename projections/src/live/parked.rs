//! Events that a generation cannot apply are parked, together with later events about the same thing. All other events
//! are applied.
//!
//! `control.parked_events` identifies events by place and contains the error; it must never contain their contents.
//! [`retry`] applies them from the log later. [`discard`] leaves one out of every generation permanently.

mod batch_applier;
mod forgetting;
mod records;
mod renumbering;
mod retry;
mod writability;

use chrono::{DateTime, Utc};
use daybook_event_log::{EventLog, Position, RecordedEvent, Revision, StreamName};
use deadpool_postgres::GenericClient;
use futures_util::TryStreamExt;
use serde::Serialize;

use crate::control::error::ViewError;
use crate::control::ids::{BlockingKey, Generation, GenerationState};

pub(crate) use batch_applier::{BatchApplier, Mode, log_parked};
pub(crate) use records::{
    ParkingEntry, check_parked_live, count_not_parked_live, discarded, is_parked_live, list_discarded,
    parked_in, positions, record_failure, skipped,
};
pub use records::{count_discarded, discarded_events, list};
pub use renumbering::renumber_discarded;
pub(crate) use retry::discard_applied;
pub use retry::{Discard, RetryReport, RetryScope, discard, retry};

/// Most parked events of one generation. With more, the log comes from another release or its keys are missing: the
/// view then stops, as it does when the log cannot be read, and does not skip most of the log.
pub const MAX_PARKED: u64 = 100_000;

/// One parked event.
#[derive(Debug, Clone, Serialize)]
pub struct ParkedEvent {
    /// The generation that lacks it.
    pub generation: Generation,
    /// Its position in the log.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its revision in that stream.
    pub revision: Revision,
    /// Its type as stored.
    pub kind: Box<str>,
    /// What it blocks, or what blocks it.
    pub held_up: BlockingKey,
    /// Why it failed; none if it only waits for another event.
    pub cause: Option<Box<str>>,
    pub parked_at: DateTime<Utc>,
}

/// One blocking key of a generation: the event that failed first and the number of events that wait for it.
#[derive(Debug, Clone, Serialize)]
pub struct BlockedGroup {
    #[serde(flatten)]
    pub first: ParkedEvent,
    /// The generation's state. A failed one was being built when it met the event.
    pub state: GenerationState,
    /// Events that wait for the first one.
    pub waiting: u64,
}

/// The parked event at a position, preferably of a generation in which it failed.
pub async fn find(client: &impl GenericClient, position: Position) -> Result<ParkedEvent, ViewError> {
    let found = records::find_at(client, position).await?;
    let failed = found.iter().position(|event| event.cause.is_some()).unwrap_or_default();
    found.into_iter().nth(failed).ok_or(ViewError::NotParked(position))
}

/// Reads a parked event from the log.
pub async fn read(log: &dyn EventLog, event: &ParkedEvent) -> Result<RecordedEvent, ViewError> {
    let mut events = log.read_stream(&event.stream, event.revision).await?;
    let first = events.try_next().await?.filter(|first| first.position == event.position);
    first.ok_or(ViewError::Control { what: "the place of a parked event" })
}
