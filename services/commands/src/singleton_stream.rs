//! The singleton streams: catalog, hours, routing, revoked tokens, and the record of forgotten patients. Each is one aggregate in memory.
//!
//! Load, decide, append, in one generic place. It must not decide on stale state: before each decision it reads the events
//! of other processes, because a rejection and an empty result depend on them too.

mod aggregates;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::Event;
use daybook_event_log::{
    AppendError, EventId, EventLog, Expected, NewEvent, Position, RecordedEvent, Revision, StreamName, encode,
};
use futures_util::TryStreamExt;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) use aggregates::ErasureLog;

use crate::append::append;
use crate::decoder::{EventDecoder, LeftOut};
use crate::error::CommandError;
use crate::origin::Origin;

/// Maximum number of decisions on a command after conflicts with other processes.
const MAX_CONFLICTS: u32 = 8;

/// How long a command waits for earlier ones of this process.
const LOCK_DEADLINE: Duration = Duration::from_secs(30);

/// The one aggregate of a stream.
pub(crate) trait Aggregate: Default + Clone + Send + Sync + 'static {
    type Command: Clone + Send;
    type Event: Send;

    fn stream() -> StreamName;

    /// Its event, or `None` for an event of another stream.
    fn from_event(event: Event) -> Option<Self::Event>;

    fn into_event(event: Self::Event) -> Event;

    fn evolve(&mut self, event: &Self::Event);

    /// Decides a command: its events (none if its effect exists already), or a rejection.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, CommandError>;
}

/// An aggregate in memory that follows its stream.
#[derive(Debug)]
pub(crate) struct CachedAggregate<A> {
    cached: RwLock<CachedState<A>>,
    /// Held by one command at a time, because parallel commands of one process would only conflict.
    command_lock: Mutex<()>,
    decoder: EventDecoder,
}

/// The state up to a revision.
#[derive(Debug)]
struct CachedState<A> {
    state: Arc<A>,
    head: Option<Revision>,
    position: Position,
    /// The discarded events that it does not contain.
    left_out: LeftOut,
}

impl<A: Aggregate> CachedState<A> {
    fn without(left_out: LeftOut) -> Self {
        Self { state: Arc::default(), head: None, position: Position::START, left_out }
    }

    /// The revision after which the next event goes.
    fn expected(&self) -> Expected {
        Expected::after(self.head)
    }

    /// Applies an event; `None` if it is left out.
    fn ingest(&mut self, recorded: &RecordedEvent, event: Option<Event>) -> Ingested {
        let next = self.expected().first_revision();
        if recorded.revision > next {
            return Ingested::AfterGap;
        }
        if recorded.revision == next {
            let event = event.filter(|_| !self.left_out.contains(recorded.position));
            if let Some(event) = event.and_then(A::from_event) {
                Arc::make_mut(&mut self.state).evolve(&event);
            }
            self.head = Some(recorded.revision);
            self.position = recorded.position;
        }
        Ingested::Applied
    }
}

/// The outcome of commands on a singleton stream.
#[derive(Debug, Clone)]
pub struct ChangeOutcome<State> {
    /// A view at this position shows the effect.
    pub position: Position,
    /// Number of appended events.
    pub events: usize,
    /// The state that the commands were decided against.
    pub before: Arc<State>,
    /// The same with their effect, and without any later change.
    pub after: Arc<State>,
}

/// Whether an event could be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ingested {
    /// The state contains the event.
    Applied,
    /// Earlier events are missing.
    AfterGap,
}

impl<A: Aggregate> CachedAggregate<A> {
    /// The state before anything was read, leaving nothing out.
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self::with(EventDecoder::default())
    }

    /// The state before anything was read.
    pub(crate) fn with(decoder: EventDecoder) -> Self {
        let cached = CachedState::without(decoder.left_out(&A::stream()));
        Self { cached: RwLock::new(cached), command_lock: Mutex::new(()), decoder }
    }

    /// The cached state, which may be slightly behind the log.
    pub(crate) fn state(&self) -> Arc<A> {
        Arc::clone(&self.cached.read().unwrap_or_else(PoisonError::into_inner).state)
    }

    /// The cached state and where its stream ended when it was read.
    pub(crate) fn state_at(&self) -> (Arc<A>, (StreamName, Expected)) {
        let cached = self.cached.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&cached.state), (A::stream(), cached.expected()))
    }

    /// Whether the state contains the event of a revision.
    pub(crate) fn has_reached(&self, revision: Revision) -> bool {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).head.is_some_and(|head| head >= revision)
    }

    /// Keeps the commands of this process from changing the stream while the guard lives.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, ()> {
        self.command_lock.lock().await
    }

    /// The cached state, the revision after which the next event goes, and the position of the last one.
    fn current(&self) -> (Arc<A>, Expected, Position) {
        let cached = self.cached.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&cached.state), cached.expected(), cached.position)
    }

    /// Applies an event from the follower, after reading any missing events before it.
    pub(crate) async fn follow(
        &self,
        recorded: &RecordedEvent,
        log: &dyn EventLog,
    ) -> Result<(), CommandError> {
        match self.ingest(recorded).await? {
            Ingested::Applied => Ok(()),
            Ingested::AfterGap => self.catch_up(log).await,
        }
    }

    /// Reads and applies the events after the known revision.
    pub(crate) async fn catch_up(&self, log: &dyn EventLog) -> Result<(), CommandError> {
        self.leave_out_discarded(log).await?;
        let mut events = log.read_stream(&A::stream(), self.current().1.first_revision()).await?;
        while let Some(recorded) = events.try_next().await? {
            self.ingest(&recorded).await?;
        }
        Ok(())
    }

    async fn ingest(&self, recorded: &RecordedEvent) -> Result<Ingested, CommandError> {
        let event = self.decoder.decode(recorded).await?.map(|(event, _)| event);
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        Ok(cached.ingest(recorded, event))
    }

    /// Folds the state again if other events of the stream are discarded now than those that it left out.
    pub(crate) async fn leave_out_discarded(&self, log: &dyn EventLog) -> Result<(), CommandError> {
        let left_out = self.decoder.left_out(&A::stream());
        if self.cached.read().unwrap_or_else(PoisonError::into_inner).left_out == left_out {
            return Ok(());
        }
        let mut folded = CachedState::without(left_out);
        // Also if an event cannot be decoded: the state ended there before.
        let outcome = self.read_into(&mut folded, log).await;
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        // Otherwise the follower was faster, and the next call tries again.
        if folded.head >= cached.head {
            tracing::info!(stream = %A::stream(), "the discarded events of a stream have changed; its state leaves them out");
            *cached = folded;
        }
        outcome
    }

    async fn read_into(&self, state: &mut CachedState<A>, log: &dyn EventLog) -> Result<(), CommandError> {
        let mut events = log.read_stream(&A::stream(), state.expected().first_revision()).await?;
        while let Some(recorded) = events.try_next().await? {
            let event = self.decoder.decode(&recorded).await?.map(|(event, _)| event);
            state.ingest(&recorded, event);
        }
        Ok(())
    }

    /// Decides commands in order and appends their events together: all of them or none.
    pub(crate) async fn change(
        &self,
        log: &dyn EventLog,
        commands: Vec<A::Command>,
        origin: &Origin,
        now: DateTime<Utc>,
    ) -> Result<ChangeOutcome<A>, CommandError> {
        self.change_if(log, commands, origin, now, |_| true).await
    }

    /// Like [`Self::change`] for a stream without events. Does nothing if the stream exists.
    pub(crate) async fn initialize(
        &self,
        log: &dyn EventLog,
        commands: Vec<A::Command>,
        origin: &Origin,
        now: DateTime<Utc>,
    ) -> Result<ChangeOutcome<A>, CommandError> {
        self.change_if(log, commands, origin, now, |expected| expected == Expected::NoStream).await
    }

    async fn change_if(
        &self,
        log: &dyn EventLog,
        commands: Vec<A::Command>,
        origin: &Origin,
        now: DateTime<Utc>,
        applies: impl Fn(Expected) -> bool,
    ) -> Result<ChangeOutcome<A>, CommandError> {
        let _guard = timeout(LOCK_DEADLINE, self.command_lock.lock())
            .await
            .map_err(|_elapsed| CommandError::Contended)?;
        // The right value of a discarded event may follow at once. If the decisions cannot be read, the known ones stand.
        if let Err(error) = self.decoder.refresh().await {
            tracing::warn!(%error, "the discarded events cannot be read");
        }
        for _ in 0..MAX_CONFLICTS {
            self.catch_up(log).await?;
            let (before, expected, position) = self.current();
            let commands = if applies(expected) { &*commands } else { &[] };
            let (events, after) = Self::decide(&before, commands)?;
            if events.is_empty() {
                return Ok(ChangeOutcome { position, events: 0, after: Arc::clone(&before), before });
            }
            let metadata = origin.metadata(now);
            let batch: Vec<NewEvent> = events
                .into_iter()
                .map(|event| encode(EventId(Uuid::now_v7()), &A::into_event(event), &metadata))
                .collect();
            let events = batch.len();
            match append(log, &A::stream(), expected, batch, Vec::new(), Vec::new()).await {
                Ok(appended) => {
                    // Reading them back keeps one path for applying events. The command has succeeded even if this
                    // fails, and the follower will apply the events too.
                    if let Err(error) = self.catch_up(log).await {
                        tracing::warn!(stream = %A::stream(), %error, "a change of this process was recorded but could not be read back yet");
                    }
                    let (position, after) = (appended.position, Arc::new(after));
                    return Ok(ChangeOutcome { position, events, before, after });
                }
                Err(AppendError::RevisionConflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommandError::Contended)
    }

    /// The events of commands, each decided against the state that the earlier ones leave, and the state after all.
    fn decide(before: &A, commands: &[A::Command]) -> Result<(Vec<A::Event>, A), CommandError> {
        let mut state = before.clone();
        let mut events = Vec::new();
        for command in commands {
            let caused = state.decide(command.clone())?;
            caused.iter().for_each(|event| state.evolve(event));
            events.extend(caused);
        }
        Ok((events, state))
    }
}

#[cfg(test)]
mod tests;
