//! The log as a plain data structure: all records in one order, the streams as lists of indexes, and the rules for
//! appends.
//!
//! It uses no locks, no files and no network. It must never change or move an existing record.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use uuid::Uuid;

use super::recent::RecentIds;
use super::record::{
    ContentType, NewEvent, Position, Record, StreamName, TOMBSTONE_REVISION, TOMBSTONE_TYPE, ticks_now,
};

/// The offset of the first record. The real server writes its own records before it when it creates a log.
const FIRST_OFFSET: u64 = 1_158;

/// The type of the events in a stream's metadata stream that hold the stream's metadata.
const METADATA_TYPE: &str = "$metadata";

/// The metadata value that marks a stream as deleted.
const ALL_TRUNCATED: u64 = i64::MAX.unsigned_abs();

/// The state in which a writer expects a stream to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Any,
    /// The stream does not exist.
    NoStream,
    StreamExists,
    /// The stream's last event has this revision.
    Exact(u64),
}

/// The decision about an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Write,
    /// The events were appended before. Contains the index of the last record.
    Repeated(usize),
    Conflict {
        /// The revision of the stream's last event.
        current: Option<u64>,
    },
    Deleted,
}

#[derive(Debug, Default)]
struct Stream {
    /// The indexes of the stream's records, by revision.
    records: Vec<usize>,
    /// Events with lower revisions are hidden.
    truncate_before: u64,
    tombstoned: bool,
}

impl Stream {
    fn next_revision(&self) -> u64 {
        self.records.len() as u64
    }

    fn last_revision(&self) -> Option<u64> {
        self.next_revision().checked_sub(1)
    }

    fn is_soft_deleted(&self) -> bool {
        self.truncate_before == ALL_TRUNCATED
    }
}

/// The readable revisions of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visible {
    /// The first visible revision. It is greater than `last` if all events are hidden.
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// An error for a permanently closed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tombstoned;

#[derive(Debug)]
pub(crate) struct Log {
    records: Vec<Arc<Record>>,
    /// The offset at which the next record begins.
    end: u64,
    streams: HashMap<StreamName, Stream>,
    recent: RecentIds,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { records: Vec::new(), end: FIRST_OFFSET, streams: HashMap::new(), recent: RecentIds::default() }
    }

    pub(crate) fn records(&self) -> &[Arc<Record>] {
        &self.records
    }

    /// The offset at which the next record begins.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn last_revision(&self, name: &str) -> Option<u64> {
        self.streams.get(name).and_then(Stream::last_revision)
    }

    /// Returns `None` if the stream does not exist or is deleted.
    pub(crate) fn visible(&self, name: &str) -> Result<Option<Visible>, Tombstoned> {
        let Some(stream) = self.streams.get(name) else { return Ok(None) };
        if stream.tombstoned {
            return Err(Tombstoned);
        }
        let last = stream.last_revision().filter(|_| !stream.is_soft_deleted());
        Ok(last.map(|last| Visible { first: stream.truncate_before, last }))
    }

    /// Returns the stream's records with these revisions. Skips revisions beyond the end.
    pub(crate) fn of_stream(&self, name: &str, revisions: Range<u64>) -> Vec<Arc<Record>> {
        let Some(stream) = self.streams.get(name) else { return Vec::new() };
        let index = |revision: u64| {
            usize::try_from(revision).map_or(stream.records.len(), |index| index.min(stream.records.len()))
        };
        let (from, to) = (index(revisions.start), index(revisions.end));
        stream.records[from.min(to)..to].iter().map(|index| Arc::clone(&self.records[*index])).collect()
    }

    /// Decides about an append of events with these ids.
    pub(crate) fn judge(&self, name: &str, expected: Expected, ids: &[Uuid]) -> Verdict {
        let nothing = Stream::default();
        let stream = self.streams.get(name).unwrap_or(&nothing);
        if stream.tombstoned {
            return Verdict::Deleted;
        }
        match expected {
            Expected::StreamExists if stream.is_soft_deleted() => Verdict::Deleted,
            Expected::StreamExists if !self.is_known(name) => Verdict::Conflict { current: None },
            Expected::Any | Expected::StreamExists => self.judge_by_memory(name, stream, ids),
            Expected::NoStream => self.judge_by_place(stream, 0, ids),
            Expected::Exact(revision) => self.judge_by_place(stream, revision.saturating_add(1), ids),
        }
    }

    /// A stream that has only metadata is known too.
    fn is_known(&self, name: &str) -> bool {
        self.last_revision(name).is_some() || self.last_revision(&metadata_stream(name)).is_some()
    }

    /// Checks an append at a fixed revision. The same ids at the same revision are a repetition, however old it is.
    fn judge_by_place(&self, stream: &Stream, first: u64, ids: &[Uuid]) -> Verdict {
        let conflict = Verdict::Conflict { current: stream.last_revision() };
        if first == stream.next_revision() {
            return Verdict::Write;
        }
        let there = usize::try_from(first).ok().and_then(|first| stream.records.get(first..)).unwrap_or(&[]);
        let same = ids.iter().zip(there).take_while(|(id, index)| self.records[**index].event.id == **id);
        let same = same.count();
        match there.get(same.wrapping_sub(1)) {
            Some(last) if same == ids.len() => Verdict::Repeated(*last),
            // Only `NoStream` gives a `first` of 0, and a writer that expects no stream may recreate a deleted one.
            None if first == 0 && !ids.is_empty() && stream.is_soft_deleted() => Verdict::Write,
            Some(_) | None => conflict,
        }
    }

    /// Checks an append at any revision. It is a repetition only if its ids are among the recent ones.
    fn judge_by_memory(&self, name: &str, stream: &Stream, ids: &[Uuid]) -> Verdict {
        let there = |id: &Uuid| self.recent.get(*id).filter(|index| *self.records[*index].stream == *name);
        let remembered: Vec<usize> = ids.iter().map_while(there).collect();
        match remembered.last() {
            Some(last) if remembered.len() == ids.len() => Verdict::Repeated(*last),
            // The log knows only some of the ids, so the append is not a repetition.
            Some(_) => Verdict::Conflict { current: stream.last_revision() },
            None => Verdict::Write,
        }
    }

    /// Creates the records for an append at this time. Does not change the log.
    pub(crate) fn prepare(&self, name: &StreamName, events: Vec<NewEvent>) -> Vec<Record> {
        let revived = self.streams.get(name).filter(|stream| stream.is_soft_deleted());
        let revival = revived.filter(|_| !events.is_empty()).map(|stream| {
            let metadata = format!("{{\"$tb\":{}}}", stream.next_revision());
            (StreamName::from(metadata_stream(name)), NewEvent::of_system(METADATA_TYPE, metadata))
        });
        let events = events.into_iter().map(|event| (StreamName::clone(name), event)).chain(revival);
        let (mut offset, mut own, created_ticks) = (self.end, 0, ticks_now());
        let record = |(stream, event): (StreamName, NewEvent)| {
            let revision = self.streams.get(&stream).map_or(0, Stream::next_revision);
            let revision = if event.event_type == TOMBSTONE_TYPE {
                TOMBSTONE_REVISION
            } else if stream == *name {
                own += 1;
                revision + own - 1
            } else {
                revision
            };
            let record = Record { position: Position::at(offset), stream, revision, created_ticks, event };
            offset += record.length_bytes();
            record
        };
        events.map(record).collect()
    }

    /// Adds a record to the end of the log.
    pub(crate) fn push(&mut self, record: Record) {
        let index = self.records.len();
        self.end = record.position.commit + record.length_bytes();
        self.recent.remember(record.event.id, index);
        if let Some(truncate_before) = truncation(&record) {
            let described = record.stream.strip_prefix("$$").unwrap_or_default();
            self.streams.entry(described.into()).or_default().truncate_before = truncate_before;
        }
        let stream = self.streams.entry(StreamName::clone(&record.stream)).or_default();
        if record.event.event_type == TOMBSTONE_TYPE {
            stream.tombstoned = true;
        } else {
            stream.records.push(index);
        }
        self.records.push(Arc::new(record));
    }

    /// Forgets the recent ids, as a restart does.
    pub(crate) fn forget_recent(&mut self) {
        self.recent = RecentIds::default();
    }
}

/// The name of a stream's metadata stream.
pub(crate) fn metadata_stream(name: &str) -> String {
    format!("$${name}")
}

/// The event that deletes a stream until the next append to it.
pub(crate) fn soft_deletion() -> NewEvent {
    NewEvent::of_system(METADATA_TYPE, format!("{{\"$tb\":{ALL_TRUNCATED}}}"))
}

/// The event that closes a stream permanently.
pub(crate) fn tombstone() -> NewEvent {
    NewEvent { content_type: ContentType::Binary, ..NewEvent::of_system(TOMBSTONE_TYPE, String::new()) }
}

/// Returns the lowest visible revision that a metadata record sets. Returns `None` for other records.
fn truncation(record: &Record) -> Option<u64> {
    if record.event.event_type != METADATA_TYPE || !record.stream.starts_with("$$") {
        return None;
    }
    let metadata: serde_json::Value = serde_json::from_slice(&record.event.data).ok()?;
    Some(metadata.get("$tb").and_then(serde_json::Value::as_u64).unwrap_or(0))
}
