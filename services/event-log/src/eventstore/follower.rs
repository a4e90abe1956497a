//! Following: reads, again and again, from the position that was seen last.
//!
//! Not by the client's subscriptions: one that the server ends without an error makes the client spin for ever in a way that
//! nobody can stop, and after a lost connection it goes on from where it likes. A read ends, can be given up, and begins
//! where its reader says. One task a process looks where the log ends; own appends are announced at once.

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

/// How often a process asks where the log ends: what others append is seen that much later.
pub const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long a follower waits for news before it looks for itself.
const FALLBACK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a follower rests when nothing of what came passed its filter: under load something comes all the time.
const QUIET_PAUSE: Duration = Duration::from_millis(20);

/// Looks where the log ends, for as long as it is kept.
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
                tracing::debug!(%error, "where the log ends could not be seen");
                backoff.next_wait()
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// All events after a position that pass the filter, and those to come.
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
    // Boxed: the state is moved with each event, and it is large.
    stream::try_unfold(Box::new(follower), |mut follower| async {
        let event = follower.next().await?;
        Ok(Some((event, follower)))
    })
}

struct Follower {
    supervisor: Arc<Supervisor>,
    known: watch::Receiver<Position>,
    /// Position of the last record that was seen, be it an event of Daybook's or not.
    seen: Position,
    filter: Filter,
    reading: Option<RecordReader>,
    /// Whether nothing has passed the filter since the last read began.
    is_quiet: bool,
    outage: Outage,
}

impl Follower {
    /// The next event. Its waits are bounded, and it ends with the first error it cannot sit out.
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

    /// One record further, or to the end of a read, or to the beginning of the next. Gives an event that passes.
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

/// Waits until there is something after a position, and begins to read it.
async fn open_reader(
    supervisor: &Arc<Supervisor>,
    known: &mut watch::Receiver<Position>,
    seen: Position,
    is_quiet: &mut bool,
) -> Result<RecordReader, ReadError> {
    if std::mem::replace(is_quiet, true) {
        tokio::time::sleep(QUIET_PAUSE).await;
    }
    // Without news it looks all the same; that the sender is gone cannot be, since it lives as long as the log.
    drop(tokio::time::timeout(FALLBACK_INTERVAL, known.wait_for(|head| *head > seen)).await);
    RecordReader::all_after(supervisor, seen).await.map_err(super::EventStoreError::into_read)
}
