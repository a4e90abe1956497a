//! Batches: their size, their events, and their measurements.
//!
//! A commit costs the same for one event as for thousands. A view that is behind therefore needs large batches, and an
//! up-to-date view takes what has arrived. A standby or a promotion may have to wait for the end of a batch, so the
//! size follows the duration of the last batches.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_event_log::{Position, ReadError, RecordedEvent, RecordedStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::broadcast;

/// Events in a batch: the first limit and the highest.
const BATCH_EVENTS: (usize, usize) = (500, 4000);

/// How long a batch may take. After a longer one the next batch is smaller.
const LONGEST_BATCH: Duration = Duration::from_secs(1);

/// Batches that a slow receiver may be behind before it loses the oldest.
const UNMEASURED_BATCHES: usize = 256;

/// A committed batch.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    pub events: usize,
    /// Seconds from the arrival of its last event to its commit.
    pub seconds: f64,
    /// When it was committed.
    pub at: DateTime<Utc>,
}

/// Publishes the batches of an engine.
#[derive(Debug, Clone)]
pub struct Batches(broadcast::Sender<Batch>);

impl Batches {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(UNMEASURED_BATCHES))
    }

    /// Receives the batches that are committed from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Batch> {
        self.0.subscribe()
    }

    /// Publishes a batch. It does not matter whether anybody receives it.
    pub(super) fn report(&self, events: usize, took: Duration) {
        drop(self.0.send(Batch { events, seconds: took.as_secs_f64(), at: Utc::now() }));
    }
}

/// The most events of the next batch.
#[derive(Debug)]
pub(super) struct BatchSize(usize);

impl BatchSize {
    pub(super) const fn new() -> Self {
        Self(BATCH_EVENTS.0)
    }

    /// Adjusts the size: it grows while full batches are quick and shrinks after a slow one. A quick batch that was not
    /// full changes nothing.
    pub(super) fn adjust(&mut self, events: usize, took: Duration) {
        if took > LONGEST_BATCH {
            self.0 = (self.0 / 2).max(BATCH_EVENTS.0);
        } else if events >= self.0 && took * 2 <= LONGEST_BATCH {
            self.0 = (self.0 * 2).min(BATCH_EVENTS.1);
        }
    }
}

/// Events from the log, fetched ahead while a batch is applied, so that the next batch finds a backlog.
pub(super) struct EventFeed {
    events: RecordedStream,
    ahead: VecDeque<RecordedEvent>,
    failed: Option<ReadError>,
}

impl EventFeed {
    pub(super) const fn new(events: RecordedStream) -> Self {
        Self { events, ahead: VecDeque::new(), failed: None }
    }

    /// Waits for the next event. None at the end of the log.
    pub(super) async fn next(&mut self) -> Option<Result<RecordedEvent, ReadError>> {
        match self.fetched() {
            None => self.events.next().await,
            fetched => fetched,
        }
    }

    /// Adds the events that have already arrived, up to a full batch or the stop.
    pub(super) fn fill(
        &mut self,
        batch: &mut Vec<RecordedEvent>,
        size: &BatchSize,
        stop: Option<Position>,
    ) -> Result<(), ReadError> {
        let at_stop =
            |batch: &[RecordedEvent]| batch.last().map(|event| event.position) >= stop && stop.is_some();
        while batch.len() < size.0 && !at_stop(batch) {
            let next = match self.fetched() {
                None => self.events.next().now_or_never().flatten(),
                fetched => fetched,
            };
            match next {
                Some(event) => batch.push(event?),
                None => break,
            }
        }
        Ok(())
    }

    /// Fetches events up to a full batch and then waits until it is dropped. An error is kept for the next read.
    pub(super) async fn fetch_ahead(&mut self) -> Infallible {
        while self.ahead.len() < BATCH_EVENTS.1 && self.failed.is_none() {
            match self.events.next().await {
                Some(Ok(event)) => self.ahead.push_back(event),
                Some(Err(error)) => self.failed = Some(error),
                None => break,
            }
        }
        std::future::pending().await
    }

    fn fetched(&mut self) -> Option<Result<RecordedEvent, ReadError>> {
        self.ahead.pop_front().map(Ok).or_else(|| self.failed.take().map(Err))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(50);

    #[test]
    fn batches_grow_under_load_while_they_are_quick() {
        let mut size = BatchSize::new();
        for wanted in [1000, 2000, 4000, 4000] {
            size.adjust(size.0, QUICK);
            assert_eq!(size.0, wanted);
        }
        size.adjust(4000, LONGEST_BATCH * 3 / 4);
        assert_eq!(size.0, 4000, "it is slow enough");
        size.adjust(4000, LONGEST_BATCH * 2);
        assert_eq!(size.0, 2000);
        for _ in 0..9 {
            size.adjust(size.0, LONGEST_BATCH * 2);
        }
        assert_eq!(size.0, BATCH_EVENTS.0);
    }

    #[test]
    fn a_batch_that_is_not_full_changes_the_size_only_if_it_is_slow() {
        let mut size = BatchSize(2000);
        size.adjust(1999, QUICK);
        assert_eq!(size.0, 2000);
        size.adjust(1, LONGEST_BATCH * 2);
        assert_eq!(size.0, 1000);
    }
}
