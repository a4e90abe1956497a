//! The schedules of busy days, each kept in memory by a worker that decides and appends for it.
//!
//! A worker is a cache and a queue, and must never be the authority: its appends succeed only at the exact revision that it
//! knows. Two workers for the same day, in one process or in two, are therefore harmless; one of them has to decide again.

mod group;
mod loaded_schedule;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use daybook_domain::catalog::Catalog;
use daybook_domain::hours::Hours;
use daybook_domain::routing::Routing;
use daybook_domain::schedule::{Booking, DaySchedule, DecisionContext, ScheduleCommand};
use daybook_domain::time::ClinicNow;
use daybook_domain::{ClinicZone, ReservationId};
use daybook_event_log::codec::ReferenceRevisions;
use daybook_event_log::{EventLog, Metadata, NewKey, Position};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::append::StreamEnds;
use crate::clock::Clock;
use crate::decoder::EventDecoder;
use crate::error::CommandError;
use crate::origin::Origin;
use crate::singleton_stream::CachedAggregate;
use worker::Worker;

/// Maximum number of workers; the least recently used one is dropped first.
const MAX_WORKERS: usize = 1024;

/// Maximum number of messages that wait for one worker.
const MAX_WAITING: usize = 1024;

/// How long a command waits, first for a place in the queue and then for its answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// Maximum number of workers that one command tries, because a worker can end at any time.
const MAX_WORKERS_TRIED: u32 = 4;

/// What all workers share.
#[derive(Debug)]
pub(crate) struct WorkerContext {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) catalog: Arc<CachedAggregate<Catalog>>,
    pub(crate) hours: Arc<CachedAggregate<Hours>>,
    pub(crate) routing: Arc<CachedAggregate<Routing>>,
    pub(crate) zone: ClinicZone,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) decoder: EventDecoder,
}

impl WorkerContext {
    /// Calls a function with the state outside the schedule that decisions depend on now, and with what the metadata of their
    /// events records. Returns its result, and where the streams of that state end.
    fn decide<T>(&self, decide: impl FnOnce(&DecisionContext<'_>, DecisionRecord) -> T) -> (T, StreamEnds) {
        let (catalog, catalog_end) = self.catalog.state_at();
        let (hours, hours_end) = self.hours.state_at();
        let instant = self.clock.now();
        let retired = self.routing.state().retired.as_ref().map(|retired| retired.model);
        let now = ClinicNow { instant, zone: self.zone };
        let revisions = || ReferenceRevisions { catalog: catalog_end.1.last(), hours: hours_end.1.last() };
        let against = (!self.log.checks_other_streams()).then(revisions);
        let context = DecisionContext { catalog: &catalog, hours: &hours, now, retired };
        let decided = decide(&context, DecisionRecord { instant, against });
        (decided, vec![catalog_end, hours_end])
    }
}

/// What the events of a decision record about it, besides their origin.
#[derive(Debug, Clone, Copy)]
struct DecisionRecord {
    instant: DateTime<Utc>,
    /// Only where the log cannot compare the streams on append.
    against: Option<ReferenceRevisions>,
}

impl DecisionRecord {
    fn metadata(self, origin: &Origin) -> Metadata {
        Metadata { decided_against: self.against, ..origin.metadata(self.instant) }
    }
}

/// The commands of one caller for one day. They succeed together or not at all.
#[derive(Debug)]
pub(crate) struct CommandBatch {
    /// Decided in this order.
    pub(crate) commands: Vec<ScheduleCommand>,
    /// A new key that their texts are sealed with, to be appended with the events.
    pub(crate) new_key: Option<NewKey>,
    /// What the caller wants to see afterwards.
    pub(crate) shown: Shown,
    pub(crate) origin: Origin,
}

/// The part of a schedule that a caller wants to see.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    Nothing,
    /// The booking of a reservation.
    Booking(ReservationId),
    Schedule,
}

/// The outcome of a batch.
#[derive(Debug, Clone)]
pub(crate) struct BatchOutcome {
    /// A view at this position shows the effect.
    pub(crate) position: Position,
    /// The booking after the batch, if the caller wants to see one.
    pub(crate) booking: Option<Booking>,
    /// The whole schedule after the batch, if the caller wants to see it.
    pub(crate) schedule: Option<DaySchedule>,
    /// Whether there was no event, because the effect existed already.
    pub(crate) repeated: bool,
    /// The rejection code of the rule set that did not decide.
    pub(crate) other_verdict: Option<Box<str>>,
}

/// The outcome of a batch, or why it was not executed.
type BatchResult = Result<BatchOutcome, CommandError>;

/// Reads a schedule, or receives the error that prevented it.
type ReadSchedule = Box<dyn FnOnce(Result<&DaySchedule, CommandError>) + Send>;

/// A message to a worker.
enum WorkerMessage {
    /// Decide and append.
    Execute(CommandBatch, oneshot::Sender<BatchResult>),
    /// Read the current schedule from the log.
    Read(ReadSchedule),
}

/// The schedules in memory, by date.
#[derive(Debug)]
pub(crate) struct DaySchedules {
    context: Arc<WorkerContext>,
    workers: Mutex<Workers>,
}

#[derive(Debug, Default)]
struct Workers {
    by_date: HashMap<NaiveDate, WorkerHandle>,
    uses: u64,
}

#[derive(Debug)]
struct WorkerHandle {
    messages: mpsc::Sender<WorkerMessage>,
    last_used: u64,
}

impl DaySchedules {
    /// Starts without any worker.
    pub(crate) fn new(context: Arc<WorkerContext>) -> Self {
        Self { context, workers: Mutex::default() }
    }

    /// Decides a batch and appends its events.
    pub(crate) async fn execute(&self, date: NaiveDate, batch: CommandBatch) -> BatchResult {
        let (sender, result) = oneshot::channel();
        self.send(date, WorkerMessage::Execute(batch, sender)).await?;
        wait(result).await?
    }

    /// Reads the current schedule of a day.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        date: NaiveDate,
        read: impl FnOnce(&DaySchedule) -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        let (sender, result) = oneshot::channel();
        let read: ReadSchedule = Box::new(move |schedule| {
            // The caller may have given up waiting.
            let _ = sender.send(schedule.map(read));
        });
        self.send(date, WorkerMessage::Read(read)).await?;
        wait(result).await?
    }

    /// Whether commands would cause an event now, decided against the current schedule. Appends nothing.
    pub(crate) async fn would_change(
        &self,
        date: NaiveDate,
        commands: Vec<ScheduleCommand>,
    ) -> Result<bool, CommandError> {
        let context = Arc::clone(&self.context);
        let decide = move |schedule: &DaySchedule| {
            context.decide(|decisions, _| group::decide_batch(schedule, &commands, decisions)).0
        };
        Ok(!self.read(date, decide).await??.is_empty())
    }

    async fn send(&self, date: NaiveDate, message: WorkerMessage) -> Result<(), CommandError> {
        for _ in 0..MAX_WORKERS_TRIED {
            match timeout(ANSWER_DEADLINE, self.worker(date).reserve_owned()).await {
                Ok(Ok(permit)) => {
                    permit.send(message);
                    return Ok(());
                }
                // The worker ended in the meantime; the next round starts a new one.
                Ok(Err(_ended)) => {}
                Err(_elapsed) => break,
            }
        }
        Err(CommandError::Contended)
    }

    /// The queue of the worker for a day. Starts the worker if there is none.
    fn worker(&self, date: NaiveDate) -> mpsc::Sender<WorkerMessage> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.uses += 1;
        let now = workers.uses;
        if let Some(worker) = workers.by_date.get_mut(&date).filter(|worker| !worker.messages.is_closed()) {
            worker.last_used = now;
            return worker.messages.clone();
        }
        workers.make_room();
        let (messages, queue) = mpsc::channel(MAX_WAITING);
        tokio::spawn(Worker::new(Arc::clone(&self.context), date, queue).run());
        workers.by_date.insert(date, WorkerHandle { messages: messages.clone(), last_used: now });
        messages
    }
}

impl Workers {
    /// Drops the least recently used worker. It answers all waiting messages before it ends.
    fn make_room(&mut self) {
        if self.by_date.len() < MAX_WORKERS {
            return;
        }
        self.by_date.retain(|_, worker| !worker.messages.is_closed());
        let oldest = self.by_date.iter().min_by_key(|(_, worker)| worker.last_used).map(|(date, _)| *date);
        if let Some(date) = oldest.filter(|_| self.by_date.len() >= MAX_WORKERS) {
            self.by_date.remove(&date);
        }
    }
}

async fn wait<T>(result: oneshot::Receiver<T>) -> Result<T, CommandError> {
    match timeout(ANSWER_DEADLINE, result).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(ended)) => Err(CommandError::Unanswered(Arc::new(ended))),
        Err(elapsed) => Err(CommandError::Unanswered(Arc::new(elapsed))),
    }
}

#[cfg(test)]
mod tests;
