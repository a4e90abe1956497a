//! Appends as the test sends them: appends of new events, and repeated appends.
//!
//! This module does not predict the outcome of an append. The model does.

use eventstore::ExpectedRevision;
use uuid::Uuid;

use super::operation::{Change, Content, Expecting, Words};
use super::plain::{Model, NewEvent, Reply};

/// An append, regardless of its answer.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) stream: &'static str,
    pub(super) expected: ExpectedRevision,
    pub(super) events: Vec<NewEvent>,
}

/// Generates IDs that are unique within a case and the same in every run of the case.
#[derive(Debug, Default)]
pub(super) struct Ids(u128);

impl Ids {
    fn next(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }
}

impl Asked {
    pub(super) fn new(
        ids: &mut Ids,
        stream: &'static str,
        expected: ExpectedRevision,
        words: &[Words],
    ) -> Self {
        Self { stream, expected, events: words.iter().map(|words| event(ids.next(), *words)).collect() }
    }

    /// Repeats the append with a change. Returns `None` if no events remain.
    pub(super) fn again(
        mut self,
        model: &Model,
        ids: &mut Ids,
        expecting: Option<Expecting>,
        change: Change,
    ) -> Option<Self> {
        match change {
            Change::None => {}
            Change::Part { skipped, taken } => {
                self.events = self.events.into_iter().skip(skipped).take(taken).collect();
            }
            Change::Longer(words) => self.events.push(event(ids.next(), words)),
            Change::InStream(stream) => self.stream = stream,
        }
        if let Some(expecting) = expecting {
            self.expected = expected(model, self.stream, expecting);
        }
        (!self.events.is_empty()).then_some(self)
    }
}

/// Translates an expectation into a revision, based on the stream's current state.
pub(super) fn expected(model: &Model, stream: &str, expecting: Expecting) -> ExpectedRevision {
    let next = model.last(stream).map_or(0, |last| last + 1);
    let next = match expecting {
        Expecting::Any => return ExpectedRevision::Any,
        Expecting::StreamExists => return ExpectedRevision::StreamExists,
        Expecting::NoStream => 0,
        Expecting::End => next,
        Expecting::Behind(events) => next.saturating_sub(events),
        Expecting::Ahead(events) => next + events,
    };
    next.checked_sub(1).map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact)
}

fn event(id: Uuid, words: Words) -> NewEvent {
    let (is_json, data) = match words.content {
        Content::Json(text) => (true, text.into()),
        Content::Binary(bytes) => (false, bytes.into()),
    };
    NewEvent { kind: words.kind, said: Reply { id, is_json, data, metadata: words.metadata.into() } }
}
