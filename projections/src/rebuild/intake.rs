//! Events on their way into histories. A rebuild ends with the first that cannot be taken in; a trial passes over it and goes on,
//! so that all of them are known at once.

use std::collections::HashSet;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daybook_event_log::{Position, Revision, StreamName};
use daybook_vault::Decryptor;
use serde::Serialize;

use crate::control::error::{ViewError, describe};
use crate::control::ids::{BlockingKey, LeftOut};
use crate::projection::blocked_keys::BlockedKeys;
use crate::projection::change::{Decoded, DecodedChange, Interpreter};

/// Events that are told one by one, at most; all are counted.
pub const MAX_FAILINGS: usize = 100;

/// An event that cannot be taken in.
#[derive(Debug, Clone, Serialize)]
pub struct Failing {
    /// Its place in the log.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in that stream.
    pub revision: Revision,
    /// Its type as it is stored.
    pub kind: Box<str>,
    /// Why.
    pub cause: String,
}

/// All events that cannot be taken in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Failings {
    /// How many fail.
    pub failing: u64,
    /// How many others stand behind one that fails: they are about the same, and may be sound.
    pub waiting: u64,
    /// The first of those that fail.
    pub events: Vec<Failing>,
}

impl Failings {
    fn enter(&mut self, failing: Failing) {
        self.failing += 1;
        if self.events.len() < MAX_FAILINGS {
            self.events.push(failing);
        }
    }
}

/// Failures as they are found, each counted once however often the log is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Found(Arc<Mutex<(HashSet<Position>, Failings)>>);

impl Found {
    /// Takes out what was found.
    pub(super) fn take(&self) -> Failings {
        mem::take(&mut self.lock().1)
    }

    /// Enters an event, unless it is known.
    fn enter(&self, position: Position, enter: impl FnOnce(&mut Failings)) {
        let (known, failings) = &mut *self.lock();
        if known.insert(position) {
            enter(failings);
        }
    }

    /// Nothing is half done where a thread panicked: each change is one step.
    fn lock(&self) -> MutexGuard<'_, (HashSet<Position>, Failings)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Turns events into effects, in the order of the log.
#[derive(Debug)]
pub(super) struct RebuildInterpreter {
    interpreter: Interpreter,
    discarded: LeftOut,
    held: BlockedKeys,
    found: Option<Found>,
}

impl RebuildInterpreter {
    /// Ends with the first event that cannot be taken in, unless there is where to note it.
    pub(super) fn new(discarded: LeftOut, found: Option<Found>) -> Self {
        Self { interpreter: Interpreter::default(), discarded, held: BlockedKeys::default(), found }
    }

    /// What a chunk of events means.
    pub(super) fn take_in(
        &mut self,
        chunk: Vec<Decoded>,
        opener: &Decryptor,
    ) -> Result<Vec<DecodedChange>, ViewError> {
        let mut told = Vec::with_capacity(chunk.len());
        for decoded in chunk {
            if self.discarded.contains(&decoded.position) {
                continue;
            }
            match self.found.clone() {
                Some(found) => told.extend(self.note(decoded, opener, &found)?),
                None => told.push(self.interpreter.tell(decoded, opener)?),
            }
        }
        Ok(told)
    }

    /// What an event means; nothing for one that cannot be taken in or stands behind one, which is noted.
    fn note(
        &mut self,
        decoded: Decoded,
        opener: &Decryptor,
        found: &Found,
    ) -> Result<Option<DecodedChange>, ViewError> {
        let (place, own) = (decoded.position, decoded.holds_up());
        let waits = self.held.in_the_way(place, &decoded.stream, own.as_ref()).is_some();
        match self.interpreter.tell(decoded, opener) {
            Err(ViewError::Event { position, stream, revision, kind, source }) if source.is_the_events() => {
                let held_up = own.unwrap_or_else(|| BlockingKey::event(&stream, revision));
                self.held.enter(held_up, position);
                let failing = Failing { position, stream, revision, kind, cause: describe(&source) };
                found.enter(place, |failings| failings.enter(failing));
                Ok(None)
            }
            Ok(_) if waits => {
                found.enter(place, |failings| failings.waiting += 1);
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    }
}
