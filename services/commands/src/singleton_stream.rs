//! The small streams: catalog, hours, routing, and who was forgotten. Each is one aggregate, kept in memory whole.
//!
//! Load, decide, append, in one generic place. Before it decides it reads what others have appended, so that neither a
//! refusal nor a "nothing to do" rests on old knowledge.

mod aggregates;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::Event;
use daybook_event_log::{
    AppendError, EventId, EventLog, Expected, NewEvent, Position, RecordedEvent, Revision, StreamName,
    decode, encode,
};
use futures_util::TryStreamExt;
use tokio::sync::Mutex;
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) use aggregates::ErasureLog;

use crate::append::append;
use crate::error::CommandError;
use crate::origin::Origin;

/// Times that a command is decided because others had changed the stream.
const MAX_CONFLICTS: u32 = 8;

/// How long a command waits for those before it in this process.
const TURN_DEADLINE: Duration = Duration::from_secs(30);

/// The one aggregate of a stream.
pub(crate) trait Aggregate: Default + Clone + Send + Sync + 'static {
    /// What can be asked of it.
    type Command: Clone + Send;
    /// What can happen to it.
    type Event: Send;

    /// Its stream.
    fn stream() -> StreamName;

    /// Its part of what is recorded, if it is that.
    fn of(event: Event) -> Option<Self::Event>;

    /// The event as it is recorded.
    fn recorded(event: Self::Event) -> Event;

    /// Takes in one event.
    fn evolve(&mut self, event: &Self::Event);

    /// Decides a command: the events it causes, none where its effect is already there, or what stops it.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, CommandError>;
}

/// An aggregate in memory, followed from the log.
#[derive(Debug)]
pub(crate) struct CachedAggregate<A> {
    known: RwLock<CachedState<A>>,
    /// One command at a time in this process: they would only get into each other's way.
    turn: Mutex<()>,
}

/// How far the stream is known.
#[derive(Debug)]
struct CachedState<A> {
    state: Arc<A>,
    last: Option<Revision>,
    position: Position,
}

/// What came of commands on a small stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Position that a view has to have passed to show it.
    pub(crate) position: Position,
    /// Events that were appended.
    pub(crate) events: usize,
}

/// Whether an event could be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TakenIn {
    /// It is part of what is known.
    CachedState,
    /// Events before it are missing.
    AfterGap,
}

impl<A: Aggregate> CachedAggregate<A> {
    /// Nothing known yet.
    pub(crate) fn unread() -> Self {
        let known = CachedState { state: Arc::default(), last: None, position: Position::START };
        Self { known: RwLock::new(known), turn: Mutex::new(()) }
    }

    /// The state as far as it is known.
    pub(crate) fn state(&self) -> Arc<A> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner).state)
    }

    fn ends(&self) -> (Expected, Position) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        (Expected::after(known.last), known.position)
    }

    /// Takes in an event that a follower saw, with those before it where any are missing.
    pub(crate) async fn see(&self, recorded: &RecordedEvent, log: &dyn EventLog) -> Result<(), CommandError> {
        match self.take_in(recorded)? {
            TakenIn::CachedState => Ok(()),
            TakenIn::AfterGap => self.catch_up(log).await,
        }
    }

    /// Takes in what was appended since.
    async fn catch_up(&self, log: &dyn EventLog) -> Result<(), CommandError> {
        let mut events = log.read_stream(&A::stream(), self.ends().0.first_revision()).await?;
        while let Some(recorded) = events.try_next().await? {
            self.take_in(&recorded)?;
        }
        Ok(())
    }

    fn take_in(&self, recorded: &RecordedEvent) -> Result<TakenIn, CommandError> {
        let event = decode(recorded)?.0;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let next = Expected::after(known.last).first_revision();
        if recorded.revision > next {
            return Ok(TakenIn::AfterGap);
        }
        if recorded.revision == next {
            if let Some(event) = A::of(event) {
                Arc::make_mut(&mut known.state).evolve(&event);
            }
            known.last = Some(recorded.revision);
            known.position = recorded.position;
        }
        Ok(TakenIn::CachedState)
    }

    /// Decides commands in turn and appends what they cause together, all or none.
    pub(crate) async fn change(
        &self,
        log: &dyn EventLog,
        commands: Vec<A::Command>,
        origin: &Origin,
        now: DateTime<Utc>,
    ) -> Result<Changed, CommandError> {
        self.change_if(log, commands, origin, now, |_| true).await
    }

    /// Like [`Self::change`], on an aggregate to which nothing ever happened; on another it does nothing.
    pub(crate) async fn begin(
        &self,
        log: &dyn EventLog,
        commands: Vec<A::Command>,
        origin: &Origin,
        now: DateTime<Utc>,
    ) -> Result<Changed, CommandError> {
        self.change_if(log, commands, origin, now, |expected| expected == Expected::NoStream).await
    }

    async fn change_if(
        &self,
        log: &dyn EventLog,
        commands: Vec<A::Command>,
        origin: &Origin,
        now: DateTime<Utc>,
        applies: impl Fn(Expected) -> bool,
    ) -> Result<Changed, CommandError> {
        let _turn =
            timeout(TURN_DEADLINE, self.turn.lock()).await.map_err(|_elapsed| CommandError::Contended)?;
        for _ in 0..MAX_CONFLICTS {
            self.catch_up(log).await?;
            let (expected, position) = self.ends();
            let events = if applies(expected) { self.decide(&commands)? } else { vec![] };
            if events.is_empty() {
                return Ok(Changed { position, events: 0 });
            }
            let metadata = origin.metadata(now);
            let batch: Vec<NewEvent> = events
                .into_iter()
                .map(|event| encode(EventId(Uuid::now_v7()), &A::recorded(event), &metadata))
                .collect();
            let events = batch.len();
            match append(log, &A::stream(), expected, batch, Vec::new()).await {
                Ok(appended) => {
                    // Read back, so that events are taken in on one path only. The command stands whatever becomes of
                    // this: the follower sees its events in any case.
                    if let Err(error) = self.catch_up(log).await {
                        tracing::warn!(stream = %A::stream(), %error, "own change not read back yet");
                    }
                    return Ok(Changed { position: appended.position, events });
                }
                Err(AppendError::RevisionConflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommandError::Contended)
    }

    fn decide(&self, commands: &[A::Command]) -> Result<Vec<A::Event>, CommandError> {
        let mut state = (*self.state()).clone();
        let mut events = Vec::new();
        for command in commands {
            let caused = state.decide(command.clone())?;
            caused.iter().for_each(|event| state.evolve(event));
            events.extend(caused);
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests;
