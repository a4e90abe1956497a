//! The log in memory, for tests and tools that need no durability.
//!
//! It stores encoded bytes rather than events, so that tests find faults of the codec. Dropping it loses
//! everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::watch;

use crate::port::{
    AppendCheck, AppendError, Appended, Connection, DependentAppend, EventLog, Expected, Filter,
    InvalidAppend, NewEvent, Position, ReadError, RecordedEvent, RecordedStream, Revision, StreamName,
    check_append,
};

/// Events that it can hold.
pub const MAX_MEMORY_EVENTS: usize = 4_000_000;

/// Events that a follower reads at a time.
const FOLLOW_BATCH_EVENTS: usize = 1000;

/// A log in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryLog {
    events: Arc<Mutex<Events>>,
    head: watch::Sender<Position>,
}

#[derive(Default)]
struct Events {
    all: Vec<RecordedEvent>,
    streams: HashMap<StreamName, Vec<usize>>,
}

#[derive(Debug, thiserror::Error)]
#[error("a log in memory keeps at most {MAX_MEMORY_EVENTS} events")]
struct Full;

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self { events: Arc::default(), head: watch::Sender::new(Position::START) }
    }

    /// A poisoned lock is safe to use: adding the events is a writer's last step.
    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "MemoryLog(at {})", *self.head.borrow())
    }
}

/// Positions start at 1, so that 0 is before the first event.
fn position_at(index: usize) -> Position {
    Position::new(index as u64 + 1, index as u64 + 1).unwrap_or_default()
}

impl Events {
    fn append(
        &mut self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
        others: &[(StreamName, Expected)],
    ) -> Result<Appended, AppendError> {
        let last = self.last_revision(stream);
        let conflict = Err(AppendError::RevisionConflict { expected, actual: last });
        let moved = others.iter().find(|(other, end)| self.last_revision(other) != end.last());
        match (expected.check(events.len(), last), moved) {
            (AppendCheck::AtEnd, Some((other, end))) => {
                Err(AppendError::RevisionConflict { expected: *end, actual: self.last_revision(other) })
            }
            (AppendCheck::AtEnd, None) if self.all.len() + events.len() > MAX_MEMORY_EVENTS => {
                Err(AppendError::Unavailable(Box::new(Full)))
            }
            (AppendCheck::AtEnd, None) => Ok(self.push(stream, expected, events)),
            (AppendCheck::MaybeRecorded, _) => self.find(stream, expected, &events).map_or(conflict, Ok),
            (AppendCheck::Conflict, _) => conflict,
        }
    }

    fn last_revision(&self, stream: &StreamName) -> Option<Revision> {
        let index = self.streams.get(stream)?.last()?;
        self.all.get(*index).map(|event| event.revision)
    }

    fn push(&mut self, stream: &StreamName, expected: Expected, events: Vec<NewEvent>) -> Appended {
        let indexes = self.streams.entry(stream.clone()).or_default();
        let mut revision = expected.first_revision();
        let mut appended = Appended { position: Position::START, revision };
        for NewEvent { id, event_type, payload, metadata } in events {
            let position = position_at(self.all.len());
            indexes.push(self.all.len());
            let (stream, event_type) = (stream.clone(), event_type.as_str().into());
            self.all.push(RecordedEvent { position, stream, revision, id, event_type, payload, metadata });
            appended = Appended { position, revision };
            revision = revision.next();
        }
        appended
    }

    /// Where an append is already recorded, if it is.
    fn find(&self, stream: &StreamName, expected: Expected, events: &[NewEvent]) -> Option<Appended> {
        let first = expected.first_revision().get() as usize;
        let indexes = self.streams.get(stream)?.get(first..first + events.len())?;
        let mut recorded = indexes.iter().map(|index| self.all.get(*index));
        let same =
            recorded.clone().zip(events).all(|(there, new)| there.is_some_and(|there| there.id == new.id));
        let last = recorded.next_back()??;
        same.then_some(Appended { position: last.position, revision: last.revision })
    }

    fn after(&self, after: Position, filter: Filter) -> impl Iterator<Item = &RecordedEvent> {
        let start = self.all.partition_point(|event| event.position <= after);
        self.all.iter().skip(start).filter(move |event| filter.matches(&event.stream))
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        self.append_if(DependentAppend::alone(stream, expected, events)).await
    }

    fn checks_other_streams(&self) -> bool {
        true
    }

    async fn append_if(&self, append: DependentAppend) -> Result<Appended, AppendError> {
        let DependentAppend { stream, expected, events, keys, others } = append;
        check_append(expected, &events)?;
        if !keys.is_empty() {
            return Err(AppendError::Invalid(InvalidAppend::KeysNotKept));
        }
        let mut log = self.lock();
        let appended = log.append(&stream, expected, events, &others)?;
        self.head.send_if_modified(|head| {
            std::mem::replace(head, appended.position.max(*head)) < appended.position
        });
        Ok(appended)
    }

    async fn read_stream(&self, stream: &StreamName, from: Revision) -> Result<RecordedStream, ReadError> {
        let log = self.lock();
        let indexes = log.streams.get(stream).map(Vec::as_slice).unwrap_or_default();
        let events = indexes.iter().skip(from.get() as usize).filter_map(|index| log.all.get(*index));
        Ok(finite(events.cloned().collect()))
    }

    async fn read_all(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        let log = self.lock();
        Ok(finite(log.after(after, *filter).cloned().collect()))
    }

    async fn follow(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        let (log, filter, head) = (self.clone(), *filter, self.head.subscribe());
        let batches = stream::unfold((after, head), move |(after, mut head)| {
            let log = log.clone();
            async move {
                // The log itself holds the sender, so this wait ends only with an append.
                let next = *head.wait_for(|head| *head > after).await.ok()?;
                let batch: Vec<_> =
                    log.lock().after(after, filter).take(FOLLOW_BATCH_EVENTS).cloned().collect();
                let full = batch.len() == FOLLOW_BATCH_EVENTS;
                // Events appended after `next` was announced may already be in the batch.
                let last = batch.last().map_or(next, |event| event.position);
                let seen = if full { last } else { last.max(next) };
                Some((finite(batch), (seen, head)))
            }
        });
        Ok(batches.flatten().boxed())
    }

    async fn head(&self) -> Result<Position, ReadError> {
        Ok(*self.head.borrow())
    }

    async fn count_after(&self, after: Position, limit: u32) -> Result<u32, ReadError> {
        let count = self.lock().after(after, Filter::all()).take(limit as usize).count();
        Ok(u32::try_from(count).unwrap_or(limit))
    }

    fn connection(&self) -> Connection {
        Connection { adapter: "memory", is_up: true, reconnects: 0 }
    }

    async fn check_writable(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

fn finite(events: Vec<RecordedEvent>) -> RecordedStream {
    stream::iter(events.into_iter().map(Ok)).boxed()
}
