//! Interprets events for a rebuild. A rebuild stops at the first event that cannot be applied; a dry run records it and
//! goes on, so that all of them are found at once.

use std::collections::{BTreeMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daybook_domain::ReadModel;
use daybook_event_log::{Position, Revision, StreamName};
use daybook_vault::Decryptor;
use deadpool_postgres::GenericClient;
use serde::Serialize;

use crate::control::error::{ViewError, describe};
use crate::control::ids::{BlockingKey, Generation, SkippedPositions};
use crate::live::parked::{self, ParkedEvent};
use crate::projection::blocked_keys::BlockedKeys;
use crate::projection::change::{DecodedChange, DecodedEvent, Interpreter};
use crate::projection::reference::Reference;
use crate::projection::storable::{self, evolve_reference};

/// Most events that are reported one by one; all are counted.
pub const MAX_FAILING_EVENTS: usize = 100;

/// An event that cannot be applied.
#[derive(Debug, Clone, Serialize)]
pub struct FailingEvent {
    /// Its position in the log.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its revision in that stream.
    pub revision: Revision,
    /// Its type as stored.
    pub kind: Box<str>,
    /// Why it cannot be applied.
    pub cause: String,
}

/// All events that cannot be applied.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FailingEvents {
    pub failing: u64,
    /// Events that wait for a failing one. They are about the same thing and may be sound.
    pub waiting: u64,
    pub events: Vec<FailingEvent>,
}

impl FailingEvents {
    /// The parked events of some generations. An event that several of them lack counts once.
    pub(super) async fn parked_in(
        client: &impl GenericClient,
        generations: &[Generation],
    ) -> Result<Self, ViewError> {
        let mut events = BTreeMap::new();
        for generation in generations {
            for event in parked::parked_in(client, *generation).await? {
                let known = events.entry(event.position).or_insert_with(|| event.clone());
                known.cause = known.cause.take().or(event.cause);
            }
        }
        let mut found = Self::default();
        for ParkedEvent { position, stream, revision, kind, cause, .. } in events.into_values() {
            match cause {
                Some(cause) => {
                    found.add(FailingEvent { position, stream, revision, kind, cause: cause.into() })
                }
                None => found.waiting += 1,
            }
        }
        Ok(found)
    }

    fn add(&mut self, failing: FailingEvent) {
        self.failing += 1;
        if self.events.len() < MAX_FAILING_EVENTS {
            self.events.push(failing);
        }
    }
}

/// Failures as they are found. Each is counted once, however often the log is read.
#[derive(Debug, Clone, Default)]
pub(super) struct FailureLog(Arc<Mutex<(HashSet<Position>, FailingEvents)>>);

impl FailureLog {
    /// Takes the recorded failures.
    pub(super) fn take(&self) -> FailingEvents {
        mem::take(&mut self.lock().1)
    }

    /// Records an event unless it was recorded before.
    fn record(&self, position: Position, change: impl FnOnce(&mut FailingEvents)) {
        let (known, failings) = &mut *self.lock();
        if known.insert(position) {
            change(failings);
        }
    }

    /// A thread that panics leaves nothing half done: each change is one step.
    fn lock(&self) -> MutexGuard<'_, (HashSet<Position>, FailingEvents)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Turns events into changes, in the order of the log.
#[derive(Debug)]
pub(super) struct RebuildInterpreter {
    interpreter: Interpreter,
    /// Shows whether both views can hold what a change of the catalog or the hours results in.
    reference: Reference,
    discarded: SkippedPositions,
    blocked: BlockedKeys,
    failures: Option<FailureLog>,
}

impl RebuildInterpreter {
    /// Without a failure log it stops at the first event that cannot be applied.
    pub(super) fn new(discarded: SkippedPositions, failures: Option<FailureLog>) -> Self {
        Self {
            interpreter: Interpreter::default(),
            reference: Reference::default(),
            discarded,
            blocked: BlockedKeys::default(),
            failures,
        }
    }

    /// The changes of a chunk of events.
    pub(super) fn interpret_chunk(
        &mut self,
        chunk: Vec<DecodedEvent>,
        decryptor: &Decryptor,
    ) -> Result<Vec<DecodedChange>, ViewError> {
        let mut changes = Vec::with_capacity(chunk.len());
        for decoded in chunk {
            if self.discarded.contains(&decoded.position) {
                continue;
            }
            match self.failures.clone() {
                Some(failures) => changes.extend(self.interpret_or_record(decoded, decryptor, &failures)?),
                None => changes.push(self.interpret(decoded, decryptor, false)?),
            }
        }
        Ok(changes)
    }

    /// The change of an event, if a view can hold it. A change that waits for another one does not take effect.
    fn interpret(
        &mut self,
        decoded: DecodedEvent,
        decryptor: &Decryptor,
        waits: bool,
    ) -> Result<DecodedChange, ViewError> {
        let (position, revision) = (decoded.position, decoded.revision);
        let kind = decoded.kind();
        let change = self.interpreter.decode_change(decoded, decryptor)?;
        let is_held = storable::check(&change.change).and_then(|()| match waits {
            true => Ok(()),
            false => evolve_reference(&mut self.reference, &change.change, &ReadModel::ALL),
        });
        match is_held {
            Ok(()) => Ok(change),
            Err(source) => {
                let stream = change.stream;
                Err(ViewError::Event { position, stream, revision, kind: kind.into(), source })
            }
        }
    }

    /// The change of an event. An event that cannot be applied, or is blocked, is recorded and has none.
    fn interpret_or_record(
        &mut self,
        decoded: DecodedEvent,
        decryptor: &Decryptor,
        failures: &FailureLog,
    ) -> Result<Option<DecodedChange>, ViewError> {
        let (at, own) = (decoded.position, decoded.blocking_key());
        let waits = self.blocked.blocker(at, &decoded.stream, own.as_ref()).is_some();
        match self.interpret(decoded, decryptor, waits) {
            Err(ViewError::Event { position, stream, revision, kind, source }) if source.is_permanent() => {
                let blocking_key = own.unwrap_or_else(|| BlockingKey::event(&stream, revision));
                self.blocked.insert(blocking_key, position);
                let failing = FailingEvent { position, stream, revision, kind, cause: describe(&source) };
                failures.record(at, |failings| failings.add(failing));
                Ok(None)
            }
            Ok(_) if waits => {
                failures.record(at, |failings| failings.waiting += 1);
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    }
}
