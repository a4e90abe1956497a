//! Events that a generation could not take in: parked with whatever later is about the same thing, so that all else goes on.
//!
//! `control.parked_events` names events by their place and says why they failed; it must never hold a word of what they
//! say. They are taken in from the log again by [`retry`], or left out of every generation for ever by [`discard`].

mod elsewhere;
mod forgetting;
mod ledger;
mod mend;
mod sift;

use chrono::{DateTime, Utc};
use daybook_event_log::{EventLog, Position, RecordedEvent, Revision, StreamName};
use deadpool_postgres::GenericClient;
use futures_util::TryStreamExt;
use serde::Serialize;

use crate::control::error::ViewError;
use crate::control::ids::{BlockingKey, Generation, GenerationState};

pub use elsewhere::renumber_discarded;
pub use ledger::list;
pub(crate) use ledger::{Entry, discarded, discarded_places, left_out, note_stop};
pub use mend::{Discard, Mended, Mending, discard, retry};
pub(crate) use sift::{BatchApplier, Mode, before_fault, tell};

/// Parked events of one generation, at most. A log of which so much cannot be taken in is another release's, or its keys
/// are gone: the view then stands still, as it does when the log cannot be read, instead of leaving most of it out.
pub const MAX_PARKED: u64 = 100_000;

/// One parked event.
#[derive(Debug, Clone, Serialize)]
pub struct ParkedEvent {
    /// The generation that does not hold it.
    pub generation: Generation,
    /// Its place in the log.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in that stream.
    pub revision: Revision,
    /// Its type as it is stored.
    pub kind: Box<str>,
    /// What is held up by it, or what it waits behind.
    pub held_up: BlockingKey,
    /// Why it failed; none for one that only waits behind another.
    pub cause: Option<Box<str>>,
    /// Since when it has been parked.
    pub parked_at: DateTime<Utc>,
}

/// What is held up in a generation: the event that failed first, and what waits behind it.
#[derive(Debug, Clone, Serialize)]
pub struct BlockedGroup {
    /// The first event.
    #[serde(flatten)]
    pub first: ParkedEvent,
    /// What the generation is for: one that failed was being built when it met the event.
    pub state: GenerationState,
    /// Events that wait behind it.
    pub waiting: u64,
}

/// The parked event at a position, of whichever generation failed to take it in; one that only waits where none did.
pub async fn find(client: &impl GenericClient, position: Position) -> Result<ParkedEvent, ViewError> {
    let found = ledger::at(client, position).await?;
    let failed = found.iter().position(|event| event.cause.is_some()).unwrap_or_default();
    found.into_iter().nth(failed).ok_or(ViewError::NotParked(position))
}

/// Reads a parked event from the log again.
pub async fn read(log: &dyn EventLog, event: &ParkedEvent) -> Result<RecordedEvent, ViewError> {
    let mut events = log.read_stream(&event.stream, event.revision).await?;
    let first = events.try_next().await?.filter(|first| first.position == event.position);
    first.ok_or(ViewError::Control { what: "the place of a parked event in a log" })
}
