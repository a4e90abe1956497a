//! Following: pages of events after a position, including those appended later.
//!
//! A follower never reads past the known head. Events that its filter excludes do not wake it; it passes them
//! when it polls. It survives restarts of the server, and fails only after an outage longer than
//! [`FOLLOW_PATIENCE`](crate::FOLLOW_PATIENCE).

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

/// How often a follower polls if nothing wakes it.
pub const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Pause after a page without matching events. Under load something is appended all the time, and without
/// this pause a follower of a rarely used stream would query as often as a writer writes.
const QUIET_PAUSE: Duration = Duration::from_millis(20);

pub(super) fn follow(pool: Pool, wakeup: Wakeup, after: Position, filter: Filter) -> RecordedStream {
    let known = wakeup.subscribe();
    let polled = Position::START;
    let follower = Follower { pool, wakeup, known, polled, after, filter, outage: Outage::new() };
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
    /// The head as last polled. Up to it, the follower need not wait.
    polled: Position,
    after: Position,
    filter: Filter,
    outage: Outage,
}

impl Follower {
    /// The next events, at least one. Fails with the first error that a retry cannot resolve.
    async fn next_page(&mut self) -> Result<Vec<RecordedEvent>, ReadError> {
        loop {
            match self.fetch().await {
                Ok(page) if page.is_empty() => {
                    self.outage = Outage::new();
                    tokio::time::sleep(QUIET_PAUSE).await;
                }
                Ok(page) => {
                    self.outage = Outage::new();
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
            self.wakeup.count_wakeup(!page.is_empty());
        }
        let is_full = page.len() as i64 >= PAGE_EVENTS;
        self.after = page.last().filter(|_| is_full).map_or(until, |event| event.position);
        Ok(page)
    }

    /// The known head once it has passed `after` for this filter, or else the polled one, and whether an
    /// announcement woke the follower.
    async fn wait_for_head(&mut self) -> Result<(Position, bool), ReadError> {
        let (after, filter) = (self.after, self.filter);
        if self.polled > after {
            return Ok((self.polled, false));
        }
        let news = self.known.wait_for(|heads| heads.matching(&filter) > after);
        if let Ok(Ok(heads)) = tokio::time::timeout(POLL_INTERVAL, news).await.map(|heads| heads.map(|h| *h))
        {
            return Ok((heads.all(), true));
        }
        // Not shared with other followers: a polled head says nothing about categories, so each follower
        // polls.
        self.polled = reader::head(&self.pool).await.map_err(PostgresError::into_read)?;
        Ok((self.polled, false))
    }
}
