//! What a group's transaction will insert, decided append by append in the order of arrival.
//!
//! Pure but for reading rows: it asks the database nothing.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;

use bytes::{BufMut, Bytes, BytesMut};
use tokio_postgres::Row;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::{Append, AppendResult};
use crate::port::{AppendCheck, AppendError, Appended, Category, EventId, Position, Revision};
use crate::postgres::error::PostgresError;
use crate::postgres::heads::Announcement;

/// The head, and where streams end: read under the lock, or as this writer's last group left them.
#[derive(Debug)]
pub(super) struct StreamHeads {
    head: i64,
    /// None for a stream that is known not to exist.
    last: HashMap<Box<str>, Option<Revision>>,
}

impl StreamHeads {
    pub(super) fn read(rows: &[Row]) -> Result<Self, PostgresError> {
        let mut heads = Self { head: 0, last: HashMap::with_capacity(rows.len()) };
        for row in rows {
            heads.head = row.try_get(2)?;
            let last = row.try_get::<_, Option<i64>>(1)?;
            let last = last.map(|last| Revision::try_from(last).unwrap_or_default());
            heads.last.insert(row.try_get::<_, &str>(0)?.into(), last);
        }
        Ok(heads)
    }

    /// Whether it is known where all streams of a group end.
    pub(super) fn covers(&self, appends: &[&Append]) -> bool {
        appends.iter().all(|append| self.last.contains_key(append.stream.as_str()))
    }

    fn of(&self, append: &Append) -> Option<Revision> {
        self.last.get(append.stream.as_str()).copied().flatten()
    }
}

/// Streams whose ends a writer remembers, at most.
const MAX_KNOWN_STREAMS: usize = 4096;

/// An event that stands, or will with this group.
pub(super) struct StoredEvent {
    revision: Revision,
    id: EventId,
    position: i64,
}

impl StoredEvent {
    pub(super) fn read(row: &Row) -> Result<Self, PostgresError> {
        let revision = Revision::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        Ok(Self { revision, id: EventId(row.try_get(1)?), position: row.try_get(2)? })
    }
}

/// Rows to insert, column by column.
pub(super) struct Plan<'a> {
    /// As the group will leave them.
    heads: StreamHeads,
    /// The head before it.
    head_before: i64,
    positions: Vec<i64>,
    revisions: Vec<i64>,
    ids: Vec<Uuid>,
    streams: Vec<&'a str>,
    /// Families of those streams.
    categories: BTreeSet<Category>,
    event_types: Vec<&'static str>,
    payloads: Vec<JsonText<'a>>,
    metadata: Vec<JsonText<'a>>,
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

    /// What the commit is to announce: the head as it leaves it, and the families that were appended to.
    pub(super) fn announcement(&self) -> Announcement {
        Announcement { head: at(self.heads.head), categories: self.categories.clone() }
    }

    /// How the group leaves the ends once it is committed, with what was known before of other streams where nobody has
    /// written since.
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

    /// Decides an append; none where the events at its place have to be compared first.
    pub(super) fn decide(&mut self, append: &'a Append) -> Option<AppendResult> {
        let actual = self.heads.of(append);
        match append.expected.check(append.events.len(), actual) {
            AppendCheck::AtEnd => Some(Ok(self.push(append))),
            AppendCheck::PerhapsAlready => None,
            AppendCheck::Conflict => Some(conflict(append, actual)),
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
            self.payloads.push(JsonText(&event.payload));
            self.metadata.push(JsonText(&event.metadata));
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

    /// Decides an append by what stands at its place, in the database or in this plan.
    pub(super) fn compare(&self, append: &Append, stored: &[StoredEvent]) -> AppendResult {
        let planned = self.planned(append);
        let there: Vec<&StoredEvent> = stored.iter().chain(&planned).collect();
        let same = there.len() == append.events.len()
            && there.iter().zip(&append.events).all(|(there, event)| there.id == event.id);
        match there.last().filter(|_| same) {
            Some(last) => Ok(Appended { position: at(last.position), revision: last.revision }),
            None => conflict(append, self.heads.of(append)),
        }
    }

    /// What this plan has at an append's place.
    fn planned(&self, append: &Append) -> Vec<StoredEvent> {
        let first = append.expected.first_revision();
        let end = first.plus(append.events.len() as u64);
        let decide = first.as_i64()..end.as_i64();
        let rows = self.positions.iter().zip(&self.revisions).zip(&self.ids).zip(&self.streams);
        let here = rows.filter(|(((_, revision), _), stream)| {
            **stream == append.stream.as_str() && decide.contains(revision)
        });
        here.map(|(((position, revision), id), _)| StoredEvent {
            revision: Revision::try_from(*revision).unwrap_or_default(),
            id: EventId(*id),
            position: *position,
        })
        .collect()
    }

    /// In the order of the insert's columns, then the head on which all of it rests, then the columns of keys.
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

fn conflict(append: &Append, actual: Option<Revision>) -> AppendResult {
    Err(AppendError::RevisionConflict { expected: append.expected, actual })
}

/// JSON as it was given, for a `json` column: its text is stored byte for byte.
#[derive(Debug)]
struct JsonText<'a>(&'a Bytes);

impl ToSql for JsonText<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(self.0);
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::JSON
    }

    to_sql_checked!();
}
