//! Batches: how many events the next one takes, what each took, and who is told.
//!
//! A commit costs the same for one event as for thousands, so a view that is behind is best served by large batches, and one
//! that is not by what there is. A batch is never so large that whoever waits for its end, a standby or a promotion, waits
//! long: its size follows the time that the last ones took.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_event_log::{Position, ReadError, RecordedEvent, RecordedStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::broadcast;

/// Events of a batch: as many as one may have at first, and at most.
const BATCH_EVENTS: (usize, usize) = (500, 4000);

/// How long a batch may take, roughly: one that took longer makes the next one smaller.
const LONGEST_BATCH: Duration = Duration::from_secs(1);

/// Batches that whoever measures may be behind. It loses the oldest beyond that.
const UNMEASURED_BATCHES: usize = 256;

/// A batch that was committed.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// Events in it.
    pub events: usize,
    /// From its last event's arrival to its commit, in seconds.
    pub seconds: f64,
    /// When it was committed.
    pub at: DateTime<Utc>,
}

/// Where the batches of an engine are told.
#[derive(Debug, Clone)]
pub struct Batches(broadcast::Sender<Batch>);

impl Batches {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(UNMEASURED_BATCHES))
    }

    /// Those that are committed from here on.
    pub fn subscribe(&self) -> broadcast::Receiver<Batch> {
        self.0.subscribe()
    }

    /// Tells of a batch. That nobody listens is no fault.
    pub(super) fn tell(&self, events: usize, took: Duration) {
        drop(self.0.send(Batch { events, seconds: took.as_secs_f64(), at: Utc::now() }));
    }
}

/// How many events the next batch takes, at most.
#[derive(Debug)]
pub(super) struct BatchSize(usize);

impl BatchSize {
    pub(super) const fn new() -> Self {
        Self(BATCH_EVENTS.0)
    }

    /// Learns from a batch: it grows while full batches are quick, and shrinks when one was not. One that did not come full
    /// teaches nothing: a batch takes what there is, however much it might.
    pub(super) fn learn(&mut self, events: usize, took: Duration) {
        if took > LONGEST_BATCH {
            self.0 = (self.0 / 2).max(BATCH_EVENTS.0);
        } else if events >= self.0 && took * 2 <= LONGEST_BATCH {
            self.0 = (self.0 * 2).min(BATCH_EVENTS.1);
        }
    }
}

/// What comes from the log: fetched ahead while a batch is applied, so that a backlog is there when the next one is made up.
pub(super) struct EventFeed {
    events: RecordedStream,
    ahead: VecDeque<RecordedEvent>,
    failed: Option<ReadError>,
}

impl EventFeed {
    pub(super) const fn new(events: RecordedStream) -> Self {
        Self { events, ahead: VecDeque::new(), failed: None }
    }

    /// The next event, once there is one. Nothing where the log gives no more.
    pub(super) async fn next(&mut self) -> Option<Result<RecordedEvent, ReadError>> {
        match self.fetched() {
            None => self.events.next().await,
            fetched => fetched,
        }
    }

    /// Adds the events that are there already, up to a full batch or the stop.
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

    /// Fetches what comes, up to a full batch, and then does nothing more: to be dropped when something else is done. A
    /// failure is kept for whoever asks for the next event.
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
    fn batches_grow_under_load_and_no_further_than_they_are_quick() {
        let mut size = BatchSize::new();
        for wanted in [1000, 2000, 4000, 4000] {
            size.learn(size.0, QUICK);
            assert_eq!(size.0, wanted);
        }
        size.learn(4000, LONGEST_BATCH * 3 / 4);
        assert_eq!(size.0, 4000, "it is slow enough");
        size.learn(4000, LONGEST_BATCH * 2);
        assert_eq!(size.0, 2000);
        for _ in 0..9 {
            size.learn(size.0, LONGEST_BATCH * 2);
        }
        assert_eq!(size.0, BATCH_EVENTS.0);
    }

    #[test]
    fn a_batch_that_does_not_come_full_teaches_nothing_unless_it_is_slow() {
        let mut size = BatchSize(2000);
        size.learn(1999, QUICK);
        assert_eq!(size.0, 2000);
        size.learn(1, LONGEST_BATCH * 2);
        assert_eq!(size.0, 1000);
    }
}
