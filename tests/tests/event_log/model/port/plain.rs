//! A model of the port: one list of all events, and the rules of the port's documentation.
//!
//! The model must stay simple. It must not keep indexes or stream ends, and it must not call the port's own rules.

use bytes::Bytes;
use daybook_event_log::{EventId, Expected, NewEvent, RecordedEvent, StreamName};

/// An event without its position, as a read must return it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    stream: StreamName,
    revision: u64,
    id: EventId,
    kind: String,
    payload: Bytes,
    metadata: Bytes,
}

/// The expected answer to an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Appended { revision: u64 },
    Conflict { expected: Expected, actual: Option<u64> },
}

#[derive(Debug, Default)]
pub(super) struct Model(Vec<Event>);

impl From<&RecordedEvent> for Event {
    fn from(recorded: &RecordedEvent) -> Self {
        Self {
            stream: recorded.stream.clone(),
            revision: recorded.revision.get(),
            id: recorded.id,
            kind: recorded.event_type.to_string(),
            payload: recorded.payload.clone(),
            metadata: recorded.metadata.clone(),
        }
    }
}

impl Event {
    pub(super) fn stream(&self) -> &StreamName {
        &self.stream
    }
}

impl Model {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the revision of the stream's last event.
    pub(super) fn last(&self, stream: &StreamName) -> Option<u64> {
        self.read(0, |event| event.stream == *stream).last().map(|(_, event)| event.revision)
    }

    /// Appends events. Returns the answer and, on success, the index of the last event.
    pub(super) fn append(
        &mut self,
        stream: &StreamName,
        expected: Expected,
        events: &[NewEvent],
    ) -> (Answer, Option<usize>) {
        let first = match expected {
            Expected::NoStream => 0,
            Expected::Exact(last) => last.get() + 1,
        };
        let end = first + events.len() as u64;
        let last = self.last(stream);
        let appended = Answer::Appended { revision: end - 1 };
        if last.map_or(0, |last| last + 1) == first {
            let new = (first..).zip(events).map(|(revision, event)| recorded(stream, revision, event));
            self.0.extend(new);
            return (appended, Some(self.len() - 1));
        }
        let there = self.read(0, |event| event.stream == *stream && (first..end).contains(&event.revision));
        let stands = there.iter().map(|(_, event)| event.id).eq(events.iter().map(|event| event.id));
        match there.last() {
            Some((index, _)) if stands => (appended, Some(*index)),
            Some(_) | None => (Answer::Conflict { expected, actual: last }, None),
        }
    }

    /// Returns the matching events from an index on, with their indexes.
    pub(super) fn read(&self, from: usize, wanted: impl Fn(&Event) -> bool) -> Vec<(usize, &Event)> {
        self.0.iter().enumerate().skip(from).filter(|(_, event)| wanted(event)).collect()
    }

    /// Returns the events of a stream from a revision on, with their indexes.
    pub(super) fn read_stream(&self, stream: &StreamName, from: u64) -> Vec<(usize, &Event)> {
        self.read(0, |event| event.stream == *stream && event.revision >= from)
    }
}

fn recorded(stream: &StreamName, revision: u64, event: &NewEvent) -> Event {
    Event {
        stream: stream.clone(),
        revision,
        id: event.id,
        kind: event.event_type.as_str().to_owned(),
        payload: event.payload.clone(),
        metadata: event.metadata.clone(),
    }
}
