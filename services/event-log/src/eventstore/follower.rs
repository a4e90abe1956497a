//! Following: repeated reads from the last position seen.
//!
//! It does not use the client's subscriptions. If the server ends one without an error, the client spins
//! without a way to stop it, and after a lost connection it resumes at the wrong position. A read ends, can
//! be dropped, and starts where its caller says. One task per process polls the head; the process's own
//! appends are announced at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::reader::{self, RecordReader};
use super::supervisor::Supervisor;
use crate::backoff::Backoff;
use crate::known_head::KnownHead;
use crate::outage::Outage;
use crate::port::{Filter, Position, ReadError, RecordedEvent};

/// How often a process polls the head. Appends of other processes are seen this much later.
pub const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long a follower waits for an announcement before it reads anyway.
const FALLBACK_INTERVAL: Duration = Duration::from_secs(1);

/// Pause after a read without matching events, because under load something is appended all the time.
const QUIET_PAUSE: Duration = Duration::from_millis(20);

/// Polls the head until it is dropped.
pub(super) struct HeadWatch(
    #[expect(dead_code, reason = "kept for its drop, which ends the task")] AbortOnDropHandle<()>,
);

impl HeadWatch {
    pub(super) fn start(supervisor: Arc<Supervisor>, known: KnownHead) -> Self {
        Self(AbortOnDropHandle::new(tokio::spawn(poll_head(supervisor, known))))
    }
}

async fn poll_head(supervisor: Arc<Supervisor>, known: KnownHead) {
    let mut backoff = Backoff::new();
    loop {
        let wait = match reader::raw_head(&supervisor).await {
            Ok(head) => {
                known.announce(head);
                backoff.reset();
                POLL_INTERVAL
            }
            Err(error) => {
                tracing::debug!(%error, "the head of EventStoreDB's log could not be read");
                backoff.next_wait()
            }
        };
        tokio::time::sleep(wait).await;
    }
}

pub(super) fn follow(
    supervisor: Arc<Supervisor>,
    known: &KnownHead,
    after: Position,
    filter: Filter,
) -> impl Stream<Item = Result<RecordedEvent, ReadError>> + Send + 'static {
    let known = known.subscribe();
    let follower = Follower {
        supervisor,
        known,
        seen: after,
        filter,
        reading: None,
        is_quiet: false,
        outage: Outage::new(),
    };
    // Boxed, because the large state moves with each event.
    stream::try_unfold(Box::new(follower), |mut follower| async {
        let event = follower.next().await?;
        Ok(Some((event, follower)))
    })
}

struct Follower {
    supervisor: Arc<Supervisor>,
    known: watch::Receiver<Position>,
    /// Position of the last record seen, including records of the server.
    seen: Position,
    filter: Filter,
    reading: Option<RecordReader>,
    /// Whether nothing has matched since the last read began.
    is_quiet: bool,
    outage: Outage,
}

impl Follower {
    /// The next event. Fails with the first error that a retry cannot resolve.
    async fn next(&mut self) -> Result<RecordedEvent, ReadError> {
        loop {
            match self.advance().await {
                Ok(passed) => {
                    self.outage = Outage::new();
                    if let Some(event) = passed {
                        self.is_quiet = false;
                        return Ok(event);
                    }
                }
                Err(ReadError::Unavailable(source)) => {
                    self.reading = None;
                    self.outage.wait(source).await?;
                }
                Err(corrupt @ ReadError::Corrupt { .. }) => return Err(corrupt),
            }
        }
    }

    /// Reads one record, or ends a read, or begins the next. Returns the event if it matches.
    async fn advance(&mut self) -> Result<Option<RecordedEvent>, ReadError> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            none => none
                .insert(open_reader(&self.supervisor, &mut self.known, self.seen, &mut self.is_quiet).await?),
        };
        let Some(record) = reading.next().await? else {
            self.reading = None;
            return Ok(None);
        };
        self.seen = record.position;
        Ok(record.event.filter(|event| self.filter.matches(&event.stream)))
    }
}

/// Waits until there are events after a position and opens a reader for them.
async fn open_reader(
    supervisor: &Arc<Supervisor>,
    known: &mut watch::Receiver<Position>,
    seen: Position,
    is_quiet: &mut bool,
) -> Result<RecordReader, ReadError> {
    if std::mem::replace(is_quiet, true) {
        tokio::time::sleep(QUIET_PAUSE).await;
    }
    // On a timeout it reads anyway. The sender cannot be gone, because it lives as long as the log.
    drop(tokio::time::timeout(FALLBACK_INTERVAL, known.wait_for(|head| *head > seen)).await);
    RecordReader::all_after(supervisor, seen).await.map_err(super::EventStoreError::into_read)
}
