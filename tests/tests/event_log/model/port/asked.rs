//! Appends as the test sends them: appends of new events, and repeated appends.
//!
//! This module does not predict the outcome of an append. The model does.

use daybook_event_log::{EventId, EventType, Expected, NewEvent, Revision, StreamName};
use uuid::Uuid;

use super::operation::{Change, Place, Words};
use super::plain::Model;

/// An append, regardless of its answer.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) stream: StreamName,
    pub(super) expected: Expected,
    pub(super) events: Vec<NewEvent>,
}

/// Generates IDs that are unique within a case and the same in every run of the case.
#[derive(Debug, Default)]
pub(super) struct Ids(u128);

impl Ids {
    fn next(&mut self) -> EventId {
        self.0 += 1;
        EventId(Uuid::from_u128(self.0))
    }
}

impl Asked {
    pub(super) fn new(
        model: &Model,
        ids: &mut Ids,
        stream: &StreamName,
        place: Place,
        words: &[Words],
    ) -> Self {
        let events = words.iter().map(|words| event(ids.next(), *words)).collect();
        Self { stream: stream.clone(), expected: expected(model, stream, place), events }
    }

    /// Repeats the append with a change. Returns `None` if the append has too few events for the change.
    pub(super) fn again(mut self, model: &Model, ids: &mut Ids, change: &Change) -> Option<Self> {
        match change {
            Change::None => {}
            Change::Elsewhere(place) => self.expected = expected(model, &self.stream, *place),
            Change::InStream(stream) => self.stream = stream.clone(),
            Change::OtherIds => self.events.iter_mut().for_each(|event| event.id = ids.next()),
            Change::OtherWords(words) => self.events.iter_mut().for_each(|old| *old = event(old.id, *words)),
            Change::Part { skipped, taken } => {
                let first = self.expected.last().map_or(0, |last| last.get() + 1);
                self.expected = expected_from(first + *skipped as u64);
                self.events = self.events.into_iter().skip(*skipped).take(*taken).collect();
            }
            Change::Shifted => drop(self.events.remove(0)),
            Change::Longer(words) => self.events.push(event(ids.next(), *words)),
        }
        (!self.events.is_empty()).then_some(self)
    }
}

fn expected(model: &Model, stream: &StreamName, place: Place) -> Expected {
    let next = model.last(stream).map_or(0, |last| last + 1);
    expected_from(match place {
        Place::End => next,
        Place::NoStream => 0,
        Place::Behind(events) => next.saturating_sub(events),
        Place::Ahead(events) => next + events,
    })
}

/// Returns the expectation of an append that starts at this revision.
fn expected_from(first: u64) -> Expected {
    Expected::after(first.checked_sub(1).map(|last| Revision::new(last).unwrap()))
}

fn event(id: EventId, words: Words) -> NewEvent {
    let (payload, metadata) = (words.payload.into(), words.metadata.into());
    NewEvent { id, event_type: EventType::named(words.kind), payload, metadata }
}
