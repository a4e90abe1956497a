//! The rows that a group's transaction will insert, decided append by append in order of arrival.
//!
//! Pure, except for reading rows: it sends no query.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Append, AppendResult};
use crate::port::{
    AppendCheck, AppendError, Appended, Category, EventId, Expected, Position, Revision, StreamName,
};
use crate::postgres::error::PostgresError;
use crate::postgres::heads::Announcement;
use crate::postgres::row::JsonText;

/// The head and the last revisions of streams, read under the lock or left by this writer's last group.
#[derive(Debug)]
pub(super) struct StreamHeads {
    head: i64,
    /// `None` for a stream that does not exist.
    last: HashMap<Box<str>, Option<Revision>>,
}

impl StreamHeads {
    pub(super) fn from_rows(rows: &[Row]) -> Result<Self, PostgresError> {
        let mut heads = Self { head: 0, last: HashMap::with_capacity(rows.len()) };
        for row in rows {
            heads.head = row.try_get(2)?;
            let last = row.try_get::<_, Option<i64>>(1)?;
            let last = last.map(|last| Revision::try_from(last).unwrap_or_default());
            heads.last.insert(row.try_get::<_, &str>(0)?.into(), last);
        }
        Ok(heads)
    }

    /// Whether it includes all streams of a group.
    pub(super) fn covers(&self, appends: &[&Append]) -> bool {
        appends
            .iter()
            .flat_map(|append| append.streams())
            .all(|stream| self.last.contains_key(stream.as_str()))
    }

    fn last_revision(&self, stream: &StreamName) -> Option<Revision> {
        self.last.get(stream.as_str()).copied().flatten()
    }
}

/// Streams that a writer remembers.
const MAX_KNOWN_STREAMS: usize = 4096;

/// An event that is recorded, or that this plan inserts.
pub(super) struct StoredEvent {
    revision: Revision,
    id: EventId,
    position: i64,
}

impl StoredEvent {
    pub(super) fn from_row(row: &Row) -> Result<Self, PostgresError> {
        let revision = Revision::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        Ok(Self { revision, id: EventId(row.try_get(1)?), position: row.try_get(2)? })
    }
}

/// Rows to insert, column by column.
pub(super) struct Plan<'a> {
    /// State after the group.
    heads: StreamHeads,
    head_before: i64,
    positions: Vec<i64>,
    revisions: Vec<i64>,
    ids: Vec<Uuid>,
    streams: Vec<&'a str>,
    categories: BTreeSet<Category>,
    event_types: Vec<&'static str>,
    payloads: Vec<JsonText>,
    metadata: Vec<JsonText>,
    key_ids: Vec<Uuid>,
    key_subjects: Vec<&'a [u8]>,
    wrapped_keys: Vec<&'a [u8]>,
}

impl<'a> Plan<'a> {
    pub(super) const fn new(heads: StreamHeads) -> Self {
        Self {
            head_before: heads.head,
            heads,
            positions: Vec::new(),
            revisions: Vec::new(),
            ids: Vec::new(),
            streams: Vec::new(),
            categories: BTreeSet::new(),
            event_types: Vec::new(),
            payloads: Vec::new(),
            metadata: Vec::new(),
            key_ids: Vec::new(),
            key_subjects: Vec::new(),
            wrapped_keys: Vec::new(),
        }
    }

    /// The notification of the commit.
    pub(super) fn announcement(&self) -> Announcement {
        Announcement { head: at(self.heads.head), categories: self.categories.clone() }
    }

    /// State after the commit. Keeps what was known of other streams, if nobody else has written since.
    pub(super) fn into_heads(self, known: Option<StreamHeads>) -> StreamHeads {
        let mut heads = self.heads;
        let holds = |known: &StreamHeads| {
            known.head == self.head_before && known.last.len() + heads.last.len() <= MAX_KNOWN_STREAMS
        };
        for (stream, last) in known.filter(holds).into_iter().flat_map(|known| known.last) {
            heads.last.entry(stream).or_insert(last);
        }
        heads
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Decides an append. Returns `None` if the events at its place have to be compared first.
    pub(super) fn decide(&mut self, append: &'a Append) -> Option<AppendResult> {
        let actual = self.heads.last_revision(&append.stream);
        let moved = append.others.iter().find(|(other, end)| self.heads.last_revision(other) != end.last());
        match (append.expected.check(append.events.len(), actual), moved) {
            (AppendCheck::AtEnd, None) => Some(Ok(self.push(append))),
            (AppendCheck::AtEnd, Some((other, end))) => Some(conflict(*end, self.heads.last_revision(other))),
            (AppendCheck::MaybeRecorded, _) => None,
            (AppendCheck::Conflict, _) => Some(conflict(append.expected, actual)),
        }
    }

    fn push(&mut self, append: &'a Append) -> Appended {
        self.categories.insert(append.stream.category());
        let mut revision = append.expected.first_revision();
        let mut last = revision;
        for event in &append.events {
            self.heads.head += 1;
            self.positions.push(self.heads.head);
            self.revisions.push(revision.as_i64());
            self.ids.push(event.id.0);
            self.streams.push(append.stream.as_str());
            self.event_types.push(event.event_type.as_str());
            self.payloads.push(JsonText(event.payload.clone()));
            self.metadata.push(JsonText(event.metadata.clone()));
            last = revision;
            revision = revision.next();
        }
        for key in &append.keys {
            self.key_ids.push(key.id.0);
            self.key_subjects.push(key.subject.as_bytes());
            self.wrapped_keys.push(&key.wrapped);
        }
        self.heads.last.insert(append.stream.as_str().into(), Some(last));
        Appended { position: at(self.heads.head), revision: last }
    }

    /// Decides an append by the events at its place, in the database or in this plan.
    pub(super) fn compare(&self, append: &Append, stored: &[StoredEvent]) -> AppendResult {
        let planned = self.planned(append);
        let recorded: Vec<&StoredEvent> = stored.iter().chain(&planned).collect();
        let same = recorded.len() == append.events.len()
            && recorded.iter().zip(&append.events).all(|(recorded, event)| recorded.id == event.id);
        match recorded.last().filter(|_| same) {
            Some(last) => Ok(Appended { position: at(last.position), revision: last.revision }),
            None => conflict(append.expected, self.heads.last_revision(&append.stream)),
        }
    }

    /// The events that this plan inserts at an append's place.
    fn planned(&self, append: &Append) -> Vec<StoredEvent> {
        let first = append.expected.first_revision();
        let end = first.plus(append.events.len() as u64);
        let revisions = first.as_i64()..end.as_i64();
        let rows = self.positions.iter().zip(&self.revisions).zip(&self.ids).zip(&self.streams);
        let here = rows.filter(|(((_, revision), _), stream)| {
            **stream == append.stream.as_str() && revisions.contains(revision)
        });
        here.map(|(((position, revision), id), _)| StoredEvent {
            revision: Revision::try_from(*revision).unwrap_or_default(),
            id: EventId(*id),
            position: *position,
        })
        .collect()
    }

    /// In the order of the insert's parameters: the columns of events, the expected head, the columns of
    /// keys.
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 11] {
        [
            &self.positions,
            &self.revisions,
            &self.ids,
            &self.streams,
            &self.event_types,
            &self.payloads,
            &self.metadata,
            &self.head_before,
            &self.key_ids,
            &self.key_subjects,
            &self.wrapped_keys,
        ]
    }
}

fn at(position: i64) -> Position {
    Position::from_parts(position, position).unwrap_or_default()
}

const fn conflict(expected: Expected, actual: Option<Revision>) -> AppendResult {
    Err(AppendError::RevisionConflict { expected, actual })
}
