//! Subscriptions send a confirmation, the existing events, `caught_up`, and then each new event.
//!
//! A subscription starts *after* its position. It must never skip an event that its filter accepts, and must never
//! send an event twice. A checkpoint never precedes an event that is still unsent.

use std::iter;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tonic::Status;
use uuid::Uuid;

use super::filter::{Filter, SEARCH_WINDOW};
use super::read::{Replies, Start};
use super::wire::{UuidForm, read_event};
use crate::faults::Signal;
use crate::node::Node;
use crate::protocol::streams::ReadResp;
use crate::protocol::streams::read_resp::{
    CaughtUp, Checkpoint, Content, FellBehind, SubscriptionConfirmation,
};
use crate::refusal::{invalid_position, stream_deleted};
use crate::store::{Position, Record, Store, StreamName, Tombstoned};

/// The number of records by which a live subscription may lag before it must catch up again.
const LIVE_BUFFER_RECORDS: usize = 1_000;

/// The source of the events.
#[derive(Debug)]
pub(super) enum Source {
    All(AllCursor),
    Stream(StreamCursor),
}

/// The progress of a subscription to all streams.
#[derive(Debug)]
pub(super) struct AllCursor {
    /// The requested start. `None` after the subscription has begun.
    start: Option<Start<Position>>,
    filter: Option<Filter>,
    /// The index of the next record to examine.
    next: usize,
    /// The subscription skips records up to this position, even if they are not written yet.
    wanted_after: Option<Position>,
    /// The position of the last record that was examined.
    considered: Option<Position>,
    /// The position of the last checkpoint that was sent.
    checkpoint: Option<Position>,
    since_checkpoint: usize,
}

/// The progress of a subscription to one stream.
#[derive(Debug)]
pub(super) struct StreamCursor {
    name: StreamName,
    next: u64,
}

impl AllCursor {
    pub(super) fn new(start: Start<Position>, filter: Option<Filter>, store: &Store) -> Self {
        // Resolve the end of the log now, not when the client starts to read.
        let next = if start == Start::End { store.len() } else { 0 };
        Self {
            start: Some(start),
            filter,
            next,
            wanted_after: None,
            considered: None,
            checkpoint: None,
            since_checkpoint: 0,
        }
    }

    /// Resolves the start position. This happens after the confirmation, so an invalid position ends a confirmed
    /// subscription.
    fn begin(&mut self, store: &Store) -> Result<(), Status> {
        if let Some(Start::At(position)) = self.start.take() {
            self.next = store.index_at(position).map_err(|_| invalid_position())?;
            self.wanted_after = Some(position);
        }
        Ok(())
    }

    fn take_page(&mut self, store: &Store, form: UuidForm) -> Result<Page, Status> {
        self.begin(store)?;
        let window = self.filter.as_ref().map_or(SEARCH_WINDOW, |filter| filter.window);
        let records = store.page(self.next..self.next.saturating_add(window));
        self.next += records.len();
        let wanted_after = self.wanted_after;
        let is_wanted = |record: &&Arc<Record>| {
            wanted_after.is_none_or(|after| record.position > after)
                && self.filter.as_ref().is_none_or(|filter| filter.accepts(record))
        };
        let mut contents: Vec<Content> =
            records.iter().filter(is_wanted).map(|record| read_event(record, form)).collect();
        self.considered = records.last().map(|record| record.position).or(self.considered);
        self.since_checkpoint += records.len();
        let interval = self.filter.as_ref().map(|filter| filter.checkpoint_interval);
        if interval.is_some_and(|interval| self.since_checkpoint >= interval) {
            contents.extend(self.take_checkpoint());
        }
        Ok(Page { contents, is_last: records.is_empty() })
    }

    /// Returns a checkpoint for a filtered subscription, unless that position was already reported.
    fn take_checkpoint(&mut self) -> Option<Content> {
        self.filter.as_ref()?;
        let position =
            self.considered.filter(|position| self.checkpoint.is_none_or(|last| *position > last))?;
        self.checkpoint = Some(position);
        self.since_checkpoint = 0;
        Some(Content::Checkpoint(Checkpoint {
            commit_position: position.commit,
            prepare_position: position.prepare,
        }))
    }
}

impl StreamCursor {
    pub(super) fn new(name: StreamName, start: Start<u64>, store: &Store) -> Self {
        let next = match start {
            Start::IfMissing => 0,
            Start::At(revision) => revision.saturating_add(1),
            Start::End => match store.visible(&name) {
                Ok(Some(visible)) => visible.last.saturating_add(1),
                Ok(None) | Err(Tombstoned) => 0,
            },
        };
        Self { name, next }
    }

    fn take_page(&mut self, store: &Store, form: UuidForm) -> Result<Page, Status> {
        let visible = store.visible(&self.name).map_err(|Tombstoned| stream_deleted(&self.name))?;
        let Some(visible) = visible else { return Ok(Page { contents: Vec::new(), is_last: true }) };
        self.next = self.next.max(visible.first);
        let records =
            store.stream_page(&self.name, self.next..self.next.saturating_add(SEARCH_WINDOW as u64));
        self.next = records.last().map_or(self.next, |record| record.revision + 1);
        let contents = records.iter().map(|record| read_event(record, form)).collect();
        Ok(Page { contents, is_last: records.is_empty() })
    }
}

/// The result of one look at the log.
#[derive(Debug)]
struct Page {
    contents: Vec<Content>,
    /// The log has no more records yet.
    is_last: bool,
}

impl Source {
    fn take_page(&mut self, store: &Store, form: UuidForm) -> Result<Page, Status> {
        match self {
            Self::All(cursor) => cursor.take_page(store, form),
            Self::Stream(cursor) => cursor.take_page(store, form),
        }
    }

    fn take_checkpoint(&mut self) -> Option<Content> {
        match self {
            Self::All(cursor) => cursor.take_checkpoint(),
            Self::Stream(_) => None,
        }
    }

    /// Returns whether more records are waiting than a live subscription can buffer.
    fn is_behind(&self, store: &Store) -> bool {
        match self {
            Self::All(cursor) => store.len().saturating_sub(cursor.next) > LIVE_BUFFER_RECORDS,
            Self::Stream(cursor) => {
                let last = store.visible(&cursor.name).ok().flatten().map_or(0, |visible| visible.last);
                last.saturating_sub(cursor.next) > LIVE_BUFFER_RECORDS as u64
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unconfirmed,
    CatchingUp,
    Live,
    Ended,
}

/// A subscription. It lives as long as its client listens.
#[derive(Debug)]
pub(super) struct Subscription {
    store: Store,
    source: Source,
    form: UuidForm,
    phase: Phase,
    committed: watch::Receiver<usize>,
    signal: Signal,
}

impl Subscription {
    pub(super) fn new(node: &Node, source: Source, form: UuidForm) -> Self {
        let (committed, signal) = (node.store.watch(), node.faults.signal());
        Self { store: node.store.clone(), source, form, phase: Phase::Unconfirmed, committed, signal }
    }

    /// Returns the subscription's replies. It reads from the log only when the client is ready for more.
    pub(super) fn replies(self) -> Replies {
        let batches = stream::unfold(self, |mut subscription| async {
            let batch = subscription.next_batch().await?;
            Some((batch, subscription))
        });
        batches.flat_map(stream::iter).boxed()
    }

    /// Returns `None` at the end of the subscription.
    async fn next_batch(&mut self) -> Option<Vec<Result<ReadResp, Status>>> {
        if self.phase == Phase::Ended {
            return None;
        }
        let mut signal = self.signal.clone();
        let outcome = tokio::select! {
            biased;
            ending = signal.ended() => Err(ending),
            contents = self.next_contents() => contents.map_err(Some),
        };
        match outcome {
            Ok(contents) => Some(contents.into_iter().map(|content| Ok(reply(content))).collect()),
            Err(ending) => {
                self.phase = Phase::Ended;
                ending.map(|status| vec![Err(status)])
            }
        }
    }

    /// Waits until there is something to send. Examines each record at most once, so the loop goes idle when there is
    /// no more to do.
    async fn next_contents(&mut self) -> Result<Vec<Content>, Status> {
        loop {
            self.signal.audible().await;
            // Later commits must wake the subscription again.
            self.committed.mark_unchanged();
            let (contents, is_last) = self.look()?;
            if !contents.is_empty() {
                return Ok(contents);
            }
            if is_last {
                // The sender cannot be gone, because this subscription holds the store.
                let _ = self.committed.changed().await;
            } else {
                // Give other tasks a turn.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Returns the messages to send now, and whether the log has no more records yet.
    fn look(&mut self) -> Result<(Vec<Content>, bool), Status> {
        match self.phase {
            Phase::Unconfirmed => {
                self.phase = Phase::CatchingUp;
                let subscription_id = Uuid::new_v4().to_string();
                Ok((vec![Content::Confirmation(SubscriptionConfirmation { subscription_id })], false))
            }
            Phase::Live if self.source.is_behind(&self.store) => {
                self.phase = Phase::CatchingUp;
                let fell_behind = Content::FellBehind(FellBehind {});
                Ok((iter::once(fell_behind).chain(self.source.take_checkpoint()).collect(), false))
            }
            Phase::CatchingUp | Phase::Live | Phase::Ended => {
                let Page { mut contents, is_last } = self.source.take_page(&self.store, self.form)?;
                if is_last && self.phase == Phase::CatchingUp {
                    self.phase = Phase::Live;
                    contents.extend(self.source.take_checkpoint());
                    contents.push(Content::CaughtUp(CaughtUp {}));
                }
                Ok((contents, is_last))
            }
        }
    }
}

fn reply(content: Content) -> ReadResp {
    ReadResp { content: Some(content) }
}
