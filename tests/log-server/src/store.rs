//! The log as its users see it: shared, safe to use from many tasks, and with a file behind it where one is wanted.
//!
//! It must never acknowledge what is not committed, and never show an append in part.

mod file;
mod log;
mod recent;
mod record;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::watch;
use uuid::Uuid;

use self::file::LogFile;
pub use self::log::Expected;
use self::log::{Log, Verdict, metadata_stream, soft_deletion, tombstone};
pub(crate) use self::log::{Tombstoned, Visible};
pub(crate) use self::record::ticks_now;
pub use self::record::{ContentType, NewEvent, Position, Record, StreamName};

/// After so many appends the server writes an event of its own, as the real one does every now and then.
const APPENDS_PER_SYSTEM_EVENT: u64 = 20;

/// Where the events of the server itself go.
const SYSTEM_STREAM: &str = "$stats-127.0.0.1";

/// Their type.
const SYSTEM_TYPE: &str = "$statsCollected";

/// What an append left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Revision of the stream's last event of this append; none where a stream without events got none.
    pub revision: Option<u64>,
    /// Position of the last record; none where there was nothing to append.
    pub position: Option<Position>,
}

/// Why nothing was written.
#[derive(Debug, Error)]
pub enum Refused {
    /// The stream is not where the writer expected it to be.
    #[error("the stream is at {current:?}")]
    Conflict {
        /// Revision of its last event.
        current: Option<u64>,
    },
    /// The stream was closed for ever, or was expected to exist and is deleted.
    #[error("the stream is deleted")]
    Deleted,
    /// The file could not be written.
    #[error("the log's file could not be written")]
    File(#[from] io::Error),
}

/// Why a log could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file could not be read or made.
    #[error("the log's file {} could not be opened", path.display())]
    File { path: PathBuf, source: io::Error },
    /// It holds something else. It was left as it is.
    #[error("{} is not the file of a log", path.display())]
    NotALog { path: PathBuf },
}

#[derive(Debug)]
struct Contents {
    log: Log,
    file: Option<LogFile>,
    appends: u64,
}

/// A position that is not where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidPosition;

/// An event log. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    contents: Arc<Mutex<Contents>>,
    /// How many records there are.
    committed: watch::Sender<usize>,
}

impl Default for Store {
    fn default() -> Self {
        Self::in_memory()
    }
}

impl Store {
    /// One that is gone with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        let store = Self::over(Contents { log: Log::new(), file: None, appends: 0 });
        // In memory there is nothing that could fail.
        let _ = store.write_system_event();
        store
    }

    /// One that is kept in a file, which is made if it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened, or is no log.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |source: io::Error| {
            let path = path.to_owned();
            let is_no_log = source.kind() == io::ErrorKind::InvalidData;
            if is_no_log { OpenError::NotALog { path } } else { OpenError::File { path, source } }
        };
        let (file, appends) = LogFile::open(path).map_err(failed)?;
        let mut log = Log::new();
        for event in appends.into_iter().flat_map(|append| append.events) {
            let record = Record::from_stored(event, log.end());
            log.push(record.ok_or_else(|| OpenError::NotALog { path: path.to_owned() })?);
        }
        log.forget_recent();
        let store = Self::over(Contents { log, file: Some(file), appends: 0 });
        store.write_system_event().map_err(failed)?;
        Ok(store)
    }

    fn over(contents: Contents) -> Self {
        let committed = watch::Sender::new(contents.log.records().len());
        Self { contents: Arc::new(Mutex::new(contents)), committed }
    }

    /// Appends to a stream: all events or none. Without events it only checks what is expected.
    ///
    /// # Errors
    /// [`Refused`]; nothing was written then.
    pub fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, Refused> {
        let mut contents = self.lock();
        let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
        match contents.log.judge(stream, expected, &ids) {
            Verdict::Repeated(last) => return Ok(receipt(&contents.log.records()[last])),
            Verdict::Conflict { current } => return Err(Refused::Conflict { current }),
            Verdict::Deleted => return Err(Refused::Deleted),
            Verdict::Write => {}
        }
        if events.is_empty() {
            return Ok(Appended { revision: contents.log.last_revision(stream), position: None });
        }
        let last = events.len() - 1;
        let appended = self.commit(&mut contents, stream, events)?[last];
        contents.appends += 1;
        if contents.appends.is_multiple_of(APPENDS_PER_SYSTEM_EVENT) {
            // The append stands, whatever becomes of this.
            let _ = self.commit(&mut contents, SYSTEM_STREAM, vec![system_event()]);
        }
        Ok(appended)
    }

    /// Deletes a stream until it is appended to again.
    ///
    /// # Errors
    /// [`Refused`]; a stream that never was cannot be deleted.
    pub fn delete(&self, stream: &str, expected: Expected) -> Result<Position, Refused> {
        let metadata = metadata_stream(stream);
        let mut contents = self.lock();
        check(&contents.log, stream, expected)?;
        let known = [stream, metadata.as_str()].iter().any(|name| contents.log.last_revision(name).is_some());
        if !known {
            return Err(Refused::Conflict { current: None });
        }
        self.commit_one(&mut contents, &metadata, soft_deletion())
    }

    /// Closes a stream for ever.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn tombstone(&self, stream: &str, expected: Expected) -> Result<Position, Refused> {
        let mut contents = self.lock();
        check(&contents.log, stream, expected)?;
        self.commit_one(&mut contents, stream, tombstone())
    }

    /// All records, in order: for tests that look at the log itself.
    #[must_use]
    pub fn records(&self) -> Vec<Arc<Record>> {
        self.lock().log.records().to_vec()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<usize> {
        self.committed.subscribe()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().log.records().len()
    }

    /// Records by their index in the order of all streams, as far as there are.
    pub(crate) fn page(&self, indexes: Range<usize>) -> Vec<Arc<Record>> {
        let contents = self.lock();
        let records = contents.log.records();
        let end = indexes.end.min(records.len());
        records[indexes.start.min(end)..end].to_vec()
    }

    /// The index of the record that begins here, or of the next to come if that lies ahead.
    pub(crate) fn index_at(&self, position: Position) -> Result<usize, InvalidPosition> {
        let contents = self.lock();
        let records = contents.log.records();
        let index = records.partition_point(|record| record.position.commit < position.commit);
        let begins_here = records.get(index).is_some_and(|record| record.position == position);
        let is_start = position == Position::at(0);
        let is_ahead = position.commit >= contents.log.end();
        if begins_here || is_start || is_ahead { Ok(index) } else { Err(InvalidPosition) }
    }

    pub(crate) fn visible(&self, stream: &str) -> Result<Option<Visible>, Tombstoned> {
        self.lock().log.visible(stream)
    }

    pub(crate) fn stream_page(&self, stream: &str, revisions: Range<u64>) -> Vec<Arc<Record>> {
        self.lock().log.of_stream(stream, revisions)
    }

    fn write_system_event(&self) -> io::Result<()> {
        let mut contents = self.lock();
        self.commit(&mut contents, SYSTEM_STREAM, vec![system_event()]).map(|_| ())
    }

    fn commit_one(
        &self,
        contents: &mut Contents,
        stream: &str,
        event: NewEvent,
    ) -> Result<Position, Refused> {
        let position = Position::at(contents.log.end());
        self.commit(contents, stream, vec![event])?;
        Ok(position)
    }

    /// Writes events and shows them, all at once. What is given back stands for each record, in order.
    fn commit(
        &self,
        contents: &mut Contents,
        stream: &str,
        events: Vec<NewEvent>,
    ) -> io::Result<Vec<Appended>> {
        let records = contents.log.prepare(&stream.into(), events);
        if let Some(file) = &mut contents.file {
            file.add(&records)?;
        }
        let receipts = records.iter().map(receipt).collect();
        records.into_iter().for_each(|record| contents.log.push(record));
        self.committed.send_replace(contents.log.records().len());
        Ok(receipts)
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // Whoever panicked while holding it was reading, or had not yet begun to change anything.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A deletion is judged like an append of an event that nobody has seen.
fn check(log: &Log, stream: &str, expected: Expected) -> Result<(), Refused> {
    match log.judge(stream, expected, &[Uuid::new_v4()]) {
        Verdict::Write | Verdict::Repeated(_) => Ok(()),
        Verdict::Conflict { current } => Err(Refused::Conflict { current }),
        Verdict::Deleted => Err(Refused::Deleted),
    }
}

fn receipt(record: &Record) -> Appended {
    Appended { revision: Some(record.revision), position: Some(record.position) }
}

fn system_event() -> NewEvent {
    NewEvent::of_system(SYSTEM_TYPE, format!("{{\"proc-id\":{}}}", std::process::id()))
}
