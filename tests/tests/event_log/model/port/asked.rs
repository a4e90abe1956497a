//! Appends as they are asked: of new events at some place, and of events that were asked before.
//!
//! What is to become of one is not said here; that is the model's.

use daybook_event_log::{EventId, EventType, Expected, NewEvent, Revision, StreamName};
use uuid::Uuid;

use super::operation::{Change, Place, Words};
use super::plain::Model;

/// An append, whatever was answered.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) stream: StreamName,
    pub(super) expected: Expected,
    pub(super) events: Vec<NewEvent>,
}

/// Ids that none of the case's events has had, the same ones in every run of the case.
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

    /// The append again, with a change; none where it has too few events for that.
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

/// What whoever wants to append from this revision on expects.
fn expected_from(first: u64) -> Expected {
    Expected::after(first.checked_sub(1).map(|last| Revision::new(last).unwrap()))
}

fn event(id: EventId, words: Words) -> NewEvent {
    let (payload, metadata) = (words.payload.into(), words.metadata.into());
    NewEvent { id, event_type: EventType::named(words.kind), payload, metadata }
}
