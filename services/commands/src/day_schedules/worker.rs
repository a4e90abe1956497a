//! The worker of one day schedule: takes the waiting messages, decides them in order, appends the events together and
//! answers. It must not answer before its decisions are durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use daybook_domain::schedule::{Rejection, ScheduleEvent};
use daybook_event_log::{AppendError, Position};
use futures_util::TryStreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::group::{Decision, GroupDecision, decide_group};
use super::loaded_schedule::LoadedSchedule;
use super::{BatchOutcome, BatchResult, CommandBatch, Shown, WorkerContext, WorkerMessage};
use crate::append::{StreamEnds, append};
use crate::error::CommandError;

/// Maximum number of messages taken at once.
const MAX_GROUP: usize = 64;

/// Maximum number of decisions on a group after conflicts with other processes.
const MAX_CONFLICTS: u32 = 8;

/// After this many conflicts, the catalog and the hours are held while a group is decided and appended.
const HOLDING_FROM: u32 = 4;

/// After this time the cached aggregates know what other processes had appended before.
const FOLLOWED: Duration = Duration::from_secs(2);

/// How long an idle worker keeps its schedule.
const IDLE: Duration = Duration::from_secs(300);

/// A batch that waits for its answer.
type PendingBatch = (CommandBatch, oneshot::Sender<BatchResult>);

/// The worker of one day schedule.
pub(super) struct Worker {
    context: Arc<WorkerContext>,
    messages: mpsc::Receiver<WorkerMessage>,
    loaded: LoadedSchedule,
}

impl Worker {
    pub(super) fn new(
        context: Arc<WorkerContext>,
        date: NaiveDate,
        messages: mpsc::Receiver<WorkerMessage>,
    ) -> Self {
        Self { context, messages, loaded: LoadedSchedule::new(date) }
    }

    /// Runs until all senders are dropped or the worker has been idle for [`IDLE`].
    pub(super) async fn run(mut self) {
        let mut group = Vec::new();
        loop {
            match timeout(IDLE, self.messages.recv_many(&mut group, MAX_GROUP)).await {
                Ok(0) => return,
                Ok(_) => self.serve(std::mem::take(&mut group)).await,
                // Messages that were sent in the meantime are still received; then `recv_many` returns 0.
                Err(_elapsed) => self.messages.close(),
            }
        }
    }

    async fn serve(&mut self, messages: Vec<WorkerMessage>) {
        let (mut reads, mut pending) = (Vec::new(), VecDeque::new());
        for message in messages {
            match message {
                WorkerMessage::Execute(batch, sender) => pending.push_back((batch, sender)),
                WorkerMessage::Read(read) => reads.push(read),
            }
        }
        if !reads.is_empty() {
            let caught_up = self.loaded.catch_up(&*self.context.log, &self.context.decoder).await;
            for read in reads {
                read(caught_up.as_ref().map(|()| &self.loaded.schedule).map_err(Clone::clone));
            }
        }
        // Each round answers at least one batch, so this ends.
        while !pending.is_empty() {
            self.execute_next(&mut pending).await;
        }
    }

    /// Executes the first batches: as many as fit into one append.
    async fn execute_next(&mut self, pending: &mut VecDeque<PendingBatch>) {
        match self.decide_and_append(pending).await {
            Ok(decisions) => {
                let covered = pending.drain(..decisions.len()).collect::<Vec<_>>();
                for (decision, (batch, sender)) in decisions.into_iter().zip(covered) {
                    // The caller may have given up waiting.
                    let _ = sender.send(self.apply(decision, batch));
                }
            }
            Err(error) => {
                // The result of a failed append is unknown, so the schedule has to be read again.
                self.loaded = LoadedSchedule::new(self.loaded.schedule.date);
                for (_, sender) in pending.drain(..) {
                    let _ = sender.send(Err(error.clone()));
                }
            }
        }
    }

    /// Decides the first batches and makes sure that the decisions hold: either by an append at the revision they are
    /// based on, or, without events, by reading the schedule after the batches arrived.
    async fn decide_and_append(
        &mut self,
        pending: &VecDeque<PendingBatch>,
    ) -> Result<Vec<Decision>, CommandError> {
        let context = Arc::clone(&self.context);
        let log = Arc::clone(&context.log);
        self.loaded.leave_out_discarded(&context.decoder);
        let mut is_fresh = !self.loaded.is_loaded;
        if is_fresh {
            self.loaded.catch_up(&*log, &context.decoder).await?;
        }
        let mut conflicts = 0;
        for _ in 0..MAX_CONFLICTS {
            // Changes of the catalog or the hours in quick succession must not keep bookings from being decided.
            let _held = match conflicts >= HOLDING_FROM {
                true => Some((context.catalog.hold().await, context.hours.hold().await)),
                false => None,
            };
            if conflicts > 0 {
                context.catalog.catch_up(&*log).await?;
                context.hours.catch_up(&*log).await?;
            }
            let (GroupDecision { decisions, events, keys, .. }, basis) = self.decide(pending);
            if events.is_empty() && is_fresh {
                return Ok(decisions);
            }
            if !events.is_empty() {
                let expected = self.loaded.expected();
                match append(&*log, &self.loaded.stream, expected, events, keys, basis.clone()).await {
                    Ok(appended) => {
                        self.loaded.set_head(appended);
                        if !log.checks_other_streams() {
                            tokio::spawn(report_if_late(Arc::clone(&self.context), basis, appended.position));
                        }
                        return Ok(decisions);
                    }
                    Err(AppendError::RevisionConflict { .. }) => conflicts += 1,
                    Err(error) => return Err(error.into()),
                }
            }
            self.loaded.catch_up(&*log, &context.decoder).await?;
            is_fresh = true;
        }
        Err(CommandError::Contended)
    }

    /// Decides the waiting batches, and returns the ends of the other streams that the decisions depend on.
    fn decide(&self, pending: &VecDeque<PendingBatch>) -> (GroupDecision, StreamEnds) {
        let batches = pending.iter().map(|(batch, _)| batch);
        self.context.decide(|context, record| {
            decide_group(&self.loaded.schedule, batches, context, |batch| record.metadata(&batch.origin))
        })
    }

    /// Applies a durable decision and returns the booking that the caller asked for.
    fn apply(&mut self, decision: Decision, batch: CommandBatch) -> BatchResult {
        let events = decision?;
        self.loaded.apply(&events);
        let (booking, schedule) = match batch.shown {
            Shown::Nothing => (None, None),
            Shown::Booking(id) => {
                let booking = self.loaded.schedule.booking(&id).cloned();
                (Some(booking.ok_or(Rejection::ReservationNotFound(id))?), None)
            }
            Shown::Schedule => (None, Some(self.loaded.schedule.clone())),
        };
        let other_verdict = events.iter().find_map(other_verdict);
        let position = self.loaded.position;
        Ok(BatchOutcome { position, booking, schedule, repeated: events.is_empty(), other_verdict })
    }
}

/// Logs decisions that came after a change of the catalog or the hours that they did not know. EventStoreDB cannot refuse
/// them, because an append looks at one stream.
async fn report_if_late(context: Arc<WorkerContext>, basis: StreamEnds, decided: Position) {
    tokio::time::sleep(FOLLOWED).await;
    let ends = [context.catalog.state_at().1, context.hours.state_at().1];
    for (stream, end) in basis.into_iter().filter(|end| !ends.contains(end)) {
        let next = match context.log.read_stream(&stream, end.first_revision()).await {
            Ok(mut events) => events.try_next().await,
            Err(error) => Err(error),
        };
        match next {
            Ok(Some(change)) if change.position < decided => {
                let (revision, changed) = (change.revision.get(), change.position);
                tracing::warn!(%stream, revision, %changed, %decided, "bookings were decided before a change was known; `daybook status` lists those that it concerns");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%stream, %decided, %error, "it is not known whether bookings were decided before a change was known");
            }
        }
    }
}

fn other_verdict(event: &ScheduleEvent) -> Option<Box<str>> {
    if let ScheduleEvent::ReservationRequested(requested) = event {
        requested.other_verdict.clone()
    } else {
        None
    }
}
