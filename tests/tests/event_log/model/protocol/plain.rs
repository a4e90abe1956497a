//! A model of EventStoreDB: one list of all events, and the deleted streams. The model derives the answer to an append
//! from a scan of the list.
//!
//! The model must stay simple. It must not contain system events, except for the tombstone of a stream.

use bytes::Bytes;
use eventstore::{ExpectedRevision, RecordedEvent};
use uuid::Uuid;

use super::operation::Way;

/// Type and revision of the tombstone event.
const TOMBSTONE: (&str, u64) = ("$streamDeleted", i64::MAX as u64);

/// An event without its position, as a read must return it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) stream: String,
    pub(super) revision: u64,
    pub(super) kind: String,
    /// `None` for an event of the server, which chooses its own ID and content.
    pub(super) said: Option<Reply>,
}

/// The parts of an event that a writer chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) id: Uuid,
    pub(super) is_json: bool,
    pub(super) data: Bytes,
    pub(super) metadata: Bytes,
}

/// An event to append.
#[derive(Debug, Clone)]
pub(super) struct NewEvent {
    pub(super) kind: &'static str,
    pub(super) said: Reply,
}

/// The expected answer to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Appended {
        revision: u64,
    },
    Deleted,
    /// The stream ends at another revision. Only an append reports this revision.
    Conflict {
        current: Option<u64>,
    },
    /// The stream is tombstoned, or it is deleted and the write expects it to exist.
    Gone,
}

/// Why a stream cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    NotFound,
    Gone,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    events: Vec<Event>,
    /// Soft-deleted streams. The next append makes them visible again.
    deleted: Vec<String>,
    /// Recreated streams with their first visible revision, in order of recreation.
    begun_anew: Vec<(String, u64)>,
    /// Tombstoned streams.
    gone: Vec<String>,
}

impl From<&RecordedEvent> for Event {
    fn from(recorded: &RecordedEvent) -> Self {
        let is_of_system = recorded.event_type.starts_with('$');
        let said = Reply {
            id: recorded.id,
            is_json: recorded.is_json,
            data: recorded.data.clone(),
            metadata: recorded.custom_metadata.clone(),
        };
        let (stream, kind) = (recorded.stream_id.clone(), recorded.event_type.clone());
        Self { stream, revision: recorded.revision, kind, said: (!is_of_system).then_some(said) }
    }
}

impl Event {
    fn id(&self) -> Option<Uuid> {
        self.said.as_ref().map(|said| said.id)
    }
}

impl Model {
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Returns the revision of the stream's last event, whether or not the event is hidden.
    pub(super) fn last(&self, stream: &str) -> Option<u64> {
        self.own(stream).last().map(|(_, event)| event.revision)
    }

    /// Returns the stream's user events with their indexes, including hidden events.
    fn own(&self, stream: &str) -> Vec<(usize, &Event)> {
        self.all(|event| event.stream == stream && event.said.is_some())
    }

    /// Returns all matching events with their indexes, in order.
    pub(super) fn all(&self, wanted: impl Fn(&Event) -> bool) -> Vec<(usize, &Event)> {
        self.events.iter().enumerate().filter(|(_, event)| wanted(event)).collect()
    }

    fn is_deleted(&self, stream: &str) -> bool {
        self.deleted.iter().any(|deleted| deleted == stream)
    }

    fn is_gone(&self, stream: &str) -> bool {
        self.gone.iter().any(|gone| gone == stream)
    }

    /// Appends events. Returns the answer and, on success, the index of the last event.
    pub(super) fn append(
        &mut self,
        stream: &str,
        expected: ExpectedRevision,
        new: &[NewEvent],
    ) -> (Answer, Option<usize>) {
        let last = self.last(stream);
        let (next, conflict) = (last.map_or(0, |last| last + 1), (Answer::Conflict { current: last }, None));
        let exists_only = expected == ExpectedRevision::StreamExists;
        if self.is_gone(stream) || (exists_only && self.is_deleted(stream)) {
            return (Answer::Gone, None);
        }
        let (stands, may_write) = match expected {
            ExpectedRevision::StreamExists if last.is_none() => return conflict,
            // Without an expected revision, the server recognises events by ID alone, at their latest place in the
            // stream.
            ExpectedRevision::Any | ExpectedRevision::StreamExists => {
                (new.iter().map_while(|event| self.remembered(stream, event.said.id)).collect(), true)
            }
            ExpectedRevision::NoStream => {
                (self.stands_from(stream, 0, new), next == 0 || self.is_deleted(stream))
            }
            ExpectedRevision::Exact(last) if last + 1 == next => (Vec::new(), true),
            ExpectedRevision::Exact(last) => (self.stands_from(stream, last + 1, new), false),
        };
        match stands.last() {
            Some(last) if stands.len() == new.len() => {
                (Answer::Appended { revision: self.events[*last].revision }, Some(*last))
            }
            None if may_write => self.write(stream, next, new),
            Some(_) | None => conflict,
        }
    }

    /// Returns the index of the latest event with this ID, if that event belongs to this stream.
    fn remembered(&self, stream: &str, id: Uuid) -> Option<usize> {
        let (index, event) = self.all(|event| event.id() == Some(id)).pop()?;
        (event.stream == stream).then_some(index)
    }

    /// Returns the indexes of the stored events that match the start of `new`, from revision `first` on.
    fn stands_from(&self, stream: &str, first: u64, new: &[NewEvent]) -> Vec<usize> {
        let there = self.own(stream).into_iter().filter(|(_, event)| event.revision >= first);
        let alike = there.zip(new).take_while(|((_, there), new)| there.id() == Some(new.said.id));
        alike.map(|((index, _), _)| index).collect()
    }

    fn write(&mut self, stream: &str, first: u64, new: &[NewEvent]) -> (Answer, Option<usize>) {
        if self.is_deleted(stream) {
            self.deleted.retain(|deleted| deleted != stream);
            self.begun_anew.push((stream.to_owned(), first));
        }
        self.events.extend((first..).zip(new).map(|(revision, new)| Event {
            stream: stream.to_owned(),
            revision,
            kind: new.kind.to_owned(),
            said: Some(new.said.clone()),
        }));
        (Answer::Appended { revision: first + new.len() as u64 - 1 }, Some(self.len() - 1))
    }

    /// Soft-deletes a stream. The next append recreates it.
    pub(super) fn delete(&mut self, stream: &str, expected: ExpectedRevision) -> Answer {
        let answer = self.judge_deletion(stream, expected);
        if answer != Answer::Deleted {
            return answer;
        }
        if self.last(stream).is_none() {
            return Answer::Conflict { current: None };
        }
        self.deleted.push(stream.to_owned());
        answer
    }

    /// Tombstones a stream. Returns the answer and, on success, the index of the tombstone.
    pub(super) fn tombstone(&mut self, stream: &str, expected: ExpectedRevision) -> (Answer, Option<usize>) {
        let answer = self.judge_deletion(stream, expected);
        if answer != Answer::Deleted {
            return (answer, None);
        }
        let (kind, revision) = (TOMBSTONE.0.to_owned(), TOMBSTONE.1);
        self.events.push(Event { stream: stream.to_owned(), revision, kind, said: None });
        self.gone.push(stream.to_owned());
        (answer, Some(self.len() - 1))
    }

    /// Decides on a deletion by the same rules as on an append of a new event.
    fn judge_deletion(&self, stream: &str, expected: ExpectedRevision) -> Answer {
        let (last, is_deleted) = (self.last(stream), self.is_deleted(stream));
        if self.is_gone(stream) || (is_deleted && expected == ExpectedRevision::StreamExists) {
            return Answer::Gone;
        }
        let fits = match expected {
            ExpectedRevision::Any => true,
            ExpectedRevision::StreamExists => last.is_some(),
            ExpectedRevision::NoStream => last.is_none() || is_deleted,
            ExpectedRevision::Exact(expected) => last == Some(expected),
        };
        if fits { Answer::Deleted } else { Answer::Conflict { current: last } }
    }

    /// Returns the visible events of a stream with their indexes.
    pub(super) fn visible(&self, stream: &str) -> Result<Vec<(usize, &Event)>, Absence> {
        if self.is_gone(stream) {
            return Err(Absence::Gone);
        }
        if self.is_deleted(stream) || self.last(stream).is_none() {
            return Err(Absence::NotFound);
        }
        let begun = self.begun_anew.iter().rfind(|(begun, _)| begun == stream).map_or(0, |(_, first)| *first);
        Ok(self.own(stream).into_iter().filter(|(_, event)| event.revision >= begun).collect())
    }
}

/// Sorts events into the order of a read in this direction.
pub(super) fn in_order<T>(way: Way, mut events: Vec<T>) -> Vec<T> {
    if way == Way::Backwards {
        events.reverse();
    }
    events
}
