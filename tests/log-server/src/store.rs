//! The log's public interface: shared, thread-safe, and optionally stored in a file.
//!
//! The store must never acknowledge an append before it is committed, and must never show part of an append.

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

/// The server writes its own event after this many appends, as the real server does from time to time.
const APPENDS_PER_SYSTEM_EVENT: u64 = 20;

/// The stream for the server's own events.
const SYSTEM_STREAM: &str = "$stats-127.0.0.1";

/// The type of the server's own events.
const SYSTEM_TYPE: &str = "$statsCollected";

/// The result of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The revision of the append's last event. Without events, it is the stream's last revision, or `None` if the
    /// stream is empty.
    pub revision: Option<u64>,
    /// The position of the last record. `None` if the append had no events.
    pub position: Option<Position>,
}

/// The reason why the store refused a write.
#[derive(Debug, Error)]
pub enum Refused {
    /// The stream is not at the revision that the writer expected.
    #[error("the stream is at {current:?}")]
    Conflict {
        /// The revision of the stream's last event.
        current: Option<u64>,
    },
    /// The stream is tombstoned, or the writer expected it to exist and it is deleted.
    #[error("the stream is deleted")]
    Deleted,
    /// Writing the file failed.
    #[error("the log's file could not be written")]
    File(#[from] io::Error),
}

/// The reason why a log could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file could not be read or created.
    #[error("the log's file {} could not be opened", path.display())]
    File { path: PathBuf, source: io::Error },
    /// The file is not a log. Its content is unchanged.
    #[error("{} is not the file of a log", path.display())]
    NotALog { path: PathBuf },
}

#[derive(Debug)]
struct Contents {
    log: Log,
    file: Option<LogFile>,
    appends: u64,
}

/// An error for a position at which no record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidPosition;

/// An event log. Clones share the same data.
#[derive(Debug, Clone)]
pub struct Store {
    contents: Arc<Mutex<Contents>>,
    /// The number of committed records.
    committed: watch::Sender<usize>,
}

impl Default for Store {
    fn default() -> Self {
        Self::in_memory()
    }
}

impl Store {
    /// Creates a log in memory, which is lost when the process ends.
    #[must_use]
    pub fn in_memory() -> Self {
        let store = Self::over(Contents { log: Log::new(), file: None, appends: 0 });
        // A write to memory cannot fail.
        let _ = store.write_system_event();
        store
    }

    /// Opens the log in a file. Creates the file if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened or is not a log.
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

    /// Appends all events to a stream, or none of them. Without events, it only checks the expected revision.
    ///
    /// # Errors
    /// Returns [`Refused`] on failure, and writes nothing.
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
            // The append succeeded, whether or not this write fails.
            let _ = self.commit(&mut contents, SYSTEM_STREAM, vec![system_event()]);
        }
        Ok(appended)
    }

    /// Deletes a stream until the next append to it.
    ///
    /// # Errors
    /// Returns [`Refused`] on failure. A stream that never existed cannot be deleted.
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

    /// Closes a stream permanently.
    ///
    /// # Errors
    /// Returns [`Refused`] on failure.
    pub fn tombstone(&self, stream: &str, expected: Expected) -> Result<Position, Refused> {
        let mut contents = self.lock();
        check(&contents.log, stream, expected)?;
        self.commit_one(&mut contents, stream, tombstone())
    }

    /// Returns all records in order, for tests that inspect the log itself.
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

    /// Returns the records at these indexes in the order of all streams. Skips indexes beyond the end.
    pub(crate) fn page(&self, indexes: Range<usize>) -> Vec<Arc<Record>> {
        let contents = self.lock();
        let records = contents.log.records();
        let end = indexes.end.min(records.len());
        records[indexes.start.min(end)..end].to_vec()
    }

    /// Returns the index of the record that begins at this position. At or past the end of the log, it is the index of
    /// the next record.
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

    /// Writes events and makes them visible atomically. Returns one receipt for each record, in order.
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
        // A panicking holder was either reading or had not yet changed the contents, so they are consistent.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks a deletion like an append of a new event.
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
