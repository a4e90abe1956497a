//! Tests the log without a network against a simple model, with random appends, deletions and restarts.
//!
//! The model must never share code with the log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use bytes::Bytes;
use daybook_log_server::{ContentType, Expected, NewEvent, Position, Refused, Store};
use proptest::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

/// The number of streams, low enough that streams and ids repeat often.
const STREAMS: u8 = 3;
const IDS: u8 = 10;

#[derive(Debug, Clone)]
enum Step {
    Append(u8, Expected, Vec<u8>),
    Delete(u8, Expected),
    Tombstone(u8),
    Restart,
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        2 => Just(Expected::Any),
        3 => Just(Expected::NoStream),
        1 => Just(Expected::StreamExists),
        6 => (0..8_u64).prop_map(Expected::Exact),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let stream = 0..STREAMS;
    prop_oneof![
        30 => (stream.clone(), expected(), prop::collection::vec(0..IDS, 0..4))
            .prop_map(|(stream, expected, ids)| Step::Append(stream, expected, ids)),
        4 => (stream.clone(), expected()).prop_map(|(stream, expected)| Step::Delete(stream, expected)),
        1 => stream.prop_map(Step::Tombstone),
        2 => Just(Step::Restart),
    ]
}

/// The outcome of a step, without positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Written(Option<u64>),
    Conflict(Option<u64>),
    Deleted,
}

#[derive(Debug, Default)]
struct Model {
    /// The ids of each stream's events, in order.
    streams: BTreeMap<u8, Vec<u8>>,
    deleted: Vec<u8>,
    with_metadata: Vec<u8>,
    tombstoned: Vec<u8>,
    /// All events since the last restart, as stream, revision and id.
    remembered: Vec<(u8, u64, u8)>,
}

impl Model {
    fn last(&self, stream: u8) -> Option<u64> {
        self.streams.get(&stream).map(|ids| ids.len() as u64 - 1)
    }

    fn append(&mut self, stream: u8, expected: Expected, ids: &[u8]) -> Outcome {
        let events = self.streams.get(&stream).cloned().unwrap_or_default();
        let (conflict, is_deleted) = (Outcome::Conflict(self.last(stream)), self.deleted.contains(&stream));
        if self.tombstoned.contains(&stream) || (expected == Expected::StreamExists && is_deleted) {
            return Outcome::Deleted;
        }
        let place = match expected {
            Expected::Any => None,
            Expected::StreamExists if events.is_empty() && !self.with_metadata.contains(&stream) => {
                return conflict;
            }
            Expected::StreamExists => None,
            Expected::NoStream => Some(0),
            Expected::Exact(revision) => Some(usize::try_from(revision).unwrap() + 1),
        };
        match place {
            Some(place) if place == events.len() => self.write(stream, ids),
            Some(_) if ids.is_empty() => conflict,
            Some(place) if events.len() >= place + ids.len() && events[place..place + ids.len()] == *ids => {
                Outcome::Written(Some((place + ids.len() - 1) as u64))
            }
            Some(0) if is_deleted && events[0] != ids[0] => self.write(stream, ids),
            Some(_) => conflict,
            None => match self.remembered(stream, ids).as_slice() {
                [] => self.write(stream, ids),
                found if found.len() == ids.len() => Outcome::Written(found.last().copied()),
                _ => conflict,
            },
        }
    }

    /// Returns the revisions of the leading ids, up to the first id that was not last written to this stream.
    fn remembered(&self, stream: u8, ids: &[u8]) -> Vec<u64> {
        let last = |id: &u8| self.remembered.iter().rev().find(|(_, _, other)| other == id);
        ids.iter().map_while(|id| last(id).filter(|found| found.0 == stream).map(|found| found.1)).collect()
    }

    fn write(&mut self, stream: u8, ids: &[u8]) -> Outcome {
        for id in ids {
            let events = self.streams.entry(stream).or_default();
            events.push(*id);
            self.remembered.push((stream, events.len() as u64 - 1, *id));
            self.deleted.retain(|deleted| *deleted != stream);
        }
        Outcome::Written(self.last(stream))
    }

    /// A deletion follows the rules for an append of a new event.
    fn may_delete(&self, stream: u8, expected: Expected) -> Outcome {
        let (next, is_deleted) =
            (self.last(stream).map_or(0, |last| last + 1), self.deleted.contains(&stream));
        let fits = match expected {
            Expected::Any => true,
            Expected::StreamExists => next > 0 || self.with_metadata.contains(&stream),
            Expected::NoStream => next == 0 || is_deleted,
            Expected::Exact(revision) => revision + 1 == next,
        };
        if self.tombstoned.contains(&stream) || (expected == Expected::StreamExists && is_deleted) {
            Outcome::Deleted
        } else if fits {
            Outcome::Written(None)
        } else {
            Outcome::Conflict(self.last(stream))
        }
    }

    fn delete(&mut self, stream: u8, expected: Expected) -> Outcome {
        let outcome = self.may_delete(stream, expected);
        if !matches!(outcome, Outcome::Written(_)) {
            return outcome;
        }
        if self.last(stream).is_none() && !self.with_metadata.contains(&stream) {
            return Outcome::Conflict(None);
        }
        self.with_metadata.push(stream);
        self.deleted.push(stream);
        outcome
    }

    fn tombstone(&mut self, stream: u8) -> Outcome {
        let outcome = self.may_delete(stream, Expected::Any);
        if matches!(outcome, Outcome::Written(_)) {
            self.tombstoned.push(stream);
        }
        outcome
    }
}

fn name(stream: u8) -> String {
    format!("page-{stream}")
}

fn id(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn event(number: u8) -> NewEvent {
    NewEvent {
        id: id(number),
        event_type: "Something".to_owned(),
        content_type: ContentType::Json,
        metadata: Bytes::new(),
        data: Bytes::from_static(b"{}"),
    }
}

fn outcome(result: Result<Option<u64>, Refused>) -> Outcome {
    match result {
        Ok(revision) => Outcome::Written(revision),
        Err(Refused::Conflict { current }) => Outcome::Conflict(current),
        Err(Refused::Deleted) => Outcome::Deleted,
        Err(Refused::File(error)) => panic!("{error}"),
    }
}

/// Appends events. The store replies with the position of the last event, whether this append wrote it or an earlier
/// one did.
fn append(store: &Store, stream: u8, expected: Expected, ids: &[u8]) -> Outcome {
    let appended = store.append(&name(stream), expected, ids.iter().copied().map(event).collect());
    if let (Ok(appended), Some(last)) = (&appended, ids.last()) {
        let records = store.records();
        let record = records.iter().find(|record| Some(record.position) == appended.position).unwrap();
        assert_eq!(
            (&*record.stream, Some(record.revision), record.event.id),
            (name(stream).as_str(), appended.revision, id(*last))
        );
    }
    outcome(appended.map(|appended| appended.revision))
}

proptest! {
    #[test]
    fn the_log_decides_as_the_model_does(steps in prop::collection::vec(step(), 1..40)) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("log");
        let (mut store, mut model) = (Store::open(&path).unwrap(), Model::default());
        for step in steps {
            let (got, wanted) = match step.clone() {
                Step::Append(stream, expected, ids) => {
                    (append(&store, stream, expected, &ids), model.append(stream, expected, &ids))
                }
                Step::Delete(stream, expected) => (
                    outcome(store.delete(&name(stream), expected).map(|_| None)),
                    model.delete(stream, expected),
                ),
                Step::Tombstone(stream) => (
                    outcome(store.tombstone(&name(stream), Expected::Any).map(|_| None)),
                    model.tombstone(stream),
                ),
                Step::Restart => {
                    let before = store.records();
                    store = Store::open(&path).unwrap();
                    prop_assert_eq!(&store.records()[..before.len()], &before[..]);
                    model.remembered.clear();
                    continue;
                }
            };
            prop_assert_eq!(got, wanted, "{:?}", step);
        }
        check_records(&store, &model)?;
    }
}

/// Checks that the streams match the model, and that positions increase strictly.
fn check_records(store: &Store, model: &Model) -> Result<(), TestCaseError> {
    let records = store.records();
    let positions: Vec<Position> = records.iter().map(|record| record.position).collect();
    prop_assert!(positions.is_sorted_by(|a, b| a.commit < b.commit && a.prepare < b.prepare));
    for stream in 0..STREAMS {
        let own = records.iter().filter(|record| *record.stream == *name(stream));
        let own = own.filter(|record| record.event.event_type == "Something");
        let own: Vec<_> = own.map(|record| (record.revision, record.event.id)).collect();
        let wanted = model.streams.get(&stream).into_iter().flatten();
        let wanted: Vec<_> = (0..).zip(wanted.map(|number| id(*number))).collect();
        prop_assert_eq!(own, wanted);
    }
    Ok(())
}

#[test]
fn an_append_without_a_place_is_only_remembered_for_a_while() {
    let store = Store::in_memory();
    let first = store.append("page-1", Expected::Any, vec![event(0)]).unwrap();
    assert_eq!(store.append("page-1", Expected::Any, vec![event(0)]).unwrap(), first);
    for _ in 0..100 {
        let others = (0..10).map(|_| NewEvent { id: Uuid::new_v4(), ..event(0) }).collect();
        store.append("other-1", Expected::Any, others).unwrap();
    }
    let again = store.append("page-1", Expected::Any, vec![event(0)]).unwrap();
    assert_eq!(again.revision, Some(1), "it is forgotten, and written again");
    // `NoStream` fixes the revision, so the store recognises the repetition however old it is.
    assert_eq!(store.append("page-1", Expected::NoStream, vec![event(0)]).unwrap(), first);
}
