//! Following: pages of what was appended after a position, for as long as the reader wants.
//!
//! A follower goes from position to position and never past the known head. What its filter holds back does not wake it; it
//! comes across that when it polls. It survives restarts of the server; only an outage that outlasts [`FOLLOW_PATIENCE`](crate::FOLLOW_PATIENCE) ends it.

use std::time::Duration;

use deadpool_postgres::Pool;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::watch;

use super::error::PostgresError;
use super::heads::Heads;
use super::reader::{self, PAGE_EVENTS};
use super::wakeup::Wakeup;
use crate::outage::Outage;
use crate::port::{Filter, Position, ReadError, RecordedEvent, RecordedStream};

/// How often a follower looks for itself where nothing wakes it.
pub const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How long a follower rests when nothing of what came passed its filter. Under load something comes all the time, and a
/// follower of what changes rarely would ask without a pause, for as much of the database's time as a writer.
const QUIET_PAUSE: Duration = Duration::from_millis(20);

/// All events after a position that pass the filter, and those to come.
pub(super) fn follow(pool: Pool, wakeup: Wakeup, after: Position, filter: Filter) -> RecordedStream {
    let known = wakeup.subscribe();
    let polled = Position::START;
    let follower = Follower { pool, wakeup, known, polled, after, filter, outage: Outage::none() };
    let pages = stream::try_unfold(follower, |mut follower| async {
        let page = follower.next_page().await?;
        Ok(Some((stream::iter(page.into_iter().map(Ok)), follower)))
    });
    pages.try_flatten().boxed()
}

struct Follower {
    pool: Pool,
    wakeup: Wakeup,
    known: watch::Receiver<Heads>,
    /// The head as polling last found it: up to there nothing has to be waited for.
    polled: Position,
    after: Position,
    filter: Filter,
    outage: Outage,
}

impl Follower {
    /// The next events, at least one. Its waits are bounded, and it ends with the first error it cannot sit out.
    async fn next_page(&mut self) -> Result<Vec<RecordedEvent>, ReadError> {
        loop {
            match self.fetch().await {
                Ok(page) if page.is_empty() => {
                    self.outage = Outage::none();
                    tokio::time::sleep(QUIET_PAUSE).await;
                }
                Ok(page) => {
                    self.outage = Outage::none();
                    return Ok(page);
                }
                Err(ReadError::Unavailable(source)) => self.outage.wait(source).await?,
                Err(corrupt @ ReadError::Corrupt { .. }) => return Err(corrupt),
            }
        }
    }

    async fn fetch(&mut self) -> Result<Vec<RecordedEvent>, ReadError> {
        let (until, is_woken) = self.wait_for_head().await?;
        if until <= self.after {
            return Ok(Vec::new());
        }
        let page = reader::page_between(&self.pool, self.after, until, &self.filter).await?;
        if is_woken {
            self.wakeup.count_waking(!page.is_empty());
        }
        let is_full = page.len() as i64 >= PAGE_EVENTS;
        self.after = page.last().filter(|_| is_full).map_or(until, |event| event.position);
        Ok(page)
    }

    /// The head once something that may pass the filter is past what was seen, or what polling finds it to be; and whether
    /// the follower was woken.
    async fn wait_for_head(&mut self) -> Result<(Position, bool), ReadError> {
        let (after, filter) = (self.after, self.filter);
        if self.polled > after {
            return Ok((self.polled, false));
        }
        let news = self.known.wait_for(|heads| heads.of(&filter) > after);
        if let Ok(Ok(heads)) = tokio::time::timeout(POLL_INTERVAL, news).await.map(|heads| heads.map(|h| *h))
        {
            return Ok((heads.all(), true));
        }
        // Not announced to the others: what was appended is not known, and each of them polls.
        self.polled = reader::head(&self.pool).await.map_err(PostgresError::into_read)?;
        Ok((self.polled, false))
    }
}
