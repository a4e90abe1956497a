//! Pages of busy days, each kept in memory by a worker of its own that decides and appends for it.
//!
//! A worker is a cache and a queue, never an authority: what it appends holds only at the exact revision it knows. Two
//! workers for one page, in one process or in two, are therefore harmless; one of them has to decide anew.

mod group;
mod page;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use daybook_domain::catalog::Catalog;
use daybook_domain::hours::Hours;
use daybook_domain::routing::Routing;
use daybook_domain::schedule::{Booking, DaySchedule, ScheduleCommand};
use daybook_domain::{ClinicZone, ReservationId};
use daybook_event_log::{EventLog, NewKey, Position};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::error::CommandError;
use crate::origin::Origin;
use crate::singleton_stream::CachedAggregate;
use worker::Worker;

/// Pages kept in memory; the one that was asked least recently goes first.
const MAX_PAGES: usize = 1024;

/// Commands that wait for one page; who comes later waits for room.
const MAX_WAITING: usize = 1024;

/// How long a command waits, first for room and then for its answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// Workers that one command tries: one may end while it is being asked.
const MAX_WORKERS_TRIED: u32 = 4;

/// What workers need beside their page.
#[derive(Debug)]
pub(crate) struct WorkerContext {
    /// Where events go.
    pub(crate) log: Arc<dyn EventLog>,
    /// The clinic's services.
    pub(crate) catalog: Arc<CachedAggregate<Catalog>>,
    /// The clinic's hours.
    pub(crate) hours: Arc<CachedAggregate<Hours>>,
    /// Which rule set judges no more.
    pub(crate) routing: Arc<CachedAggregate<Routing>>,
    /// Where the clinic is.
    pub(crate) zone: ClinicZone,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
}

/// What one caller asks of a page: some commands that hold together or not at all.
#[derive(Debug)]
pub(crate) struct CommandBatch {
    /// In the order in which they are decided.
    pub(crate) commands: Vec<ScheduleCommand>,
    /// The key they are sealed with, where it is to be kept with the events they cause.
    pub(crate) new_key: Option<NewKey>,
    /// The booking that the caller wants to see afterwards.
    pub(crate) about: Option<ReservationId>,
    /// Where they come from.
    pub(crate) origin: Origin,
}

/// What came of a unit.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Position that a view has to have passed to show it.
    pub(crate) position: Position,
    /// The booking asked about, as the unit left it.
    pub(crate) booking: Option<Booking>,
    /// Whether there was nothing to do: its effect was there before.
    pub(crate) nothing_new: bool,
    /// The code with which the rule set that does not judge would have refused.
    pub(crate) other_verdict: Option<Box<str>>,
}

/// What came of a unit, or why nothing did.
type Answer = Result<Outcome, CommandError>;

/// Looks at a page, or is told why there is none to look at.
type Look = Box<dyn FnOnce(Result<&DaySchedule, CommandError>) + Send>;

/// One entry of a worker's queue.
enum Job {
    /// Decide and append.
    Settle(CommandBatch, oneshot::Sender<Answer>),
    /// Show the page as the log has it now.
    Look(Look),
}

/// The pages in memory.
#[derive(Debug)]
pub(crate) struct Pages {
    office: Arc<WorkerContext>,
    open: Mutex<OpenPages>,
}

#[derive(Debug, Default)]
struct OpenPages {
    by_date: HashMap<NaiveDate, OpenPage>,
    uses: u64,
}

#[derive(Debug)]
struct OpenPage {
    jobs: mpsc::Sender<Job>,
    last_used: u64,
}

impl Pages {
    /// No page yet.
    pub(crate) fn new(office: Arc<WorkerContext>) -> Self {
        Self { office, open: Mutex::default() }
    }

    /// Has a unit decided and recorded.
    pub(crate) async fn settle(&self, date: NaiveDate, unit: CommandBatch) -> Answer {
        let (sender, answer) = oneshot::channel();
        self.send(date, Job::Settle(unit, sender)).await?;
        wait(answer).await?
    }

    /// Looks at a page as the log has it now.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        date: NaiveDate,
        look: impl FnOnce(&DaySchedule) -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        let (sender, answer) = oneshot::channel();
        let job: Look = Box::new(move |book| {
            // Who gave up waiting needs no answer.
            let _ = sender.send(book.map(look));
        });
        self.send(date, Job::Look(job)).await?;
        wait(answer).await?
    }

    async fn send(&self, date: NaiveDate, job: Job) -> Result<(), CommandError> {
        for _ in 0..MAX_WORKERS_TRIED {
            match timeout(ANSWER_DEADLINE, self.worker(date).reserve_owned()).await {
                Ok(Ok(room)) => {
                    room.send(job);
                    return Ok(());
                }
                // It ended between being found and being asked; the next one is new.
                Ok(Err(_ended)) => {}
                Err(_elapsed) => break,
            }
        }
        Err(CommandError::Contended)
    }

    /// The queue of a page's worker, which is started where there is none.
    fn worker(&self, date: NaiveDate) -> mpsc::Sender<Job> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.uses += 1;
        let now = open.uses;
        if let Some(page) = open.by_date.get_mut(&date).filter(|page| !page.jobs.is_closed()) {
            page.last_used = now;
            return page.jobs.clone();
        }
        open.make_room();
        let (jobs, queue) = mpsc::channel(MAX_WAITING);
        tokio::spawn(Worker::new(Arc::clone(&self.office), date, queue).run());
        open.by_date.insert(date, OpenPage { jobs: jobs.clone(), last_used: now });
        jobs
    }
}

impl OpenPages {
    /// Lets go of the page that was asked least recently. Its worker answers what it was asked and ends.
    fn make_room(&mut self) {
        if self.by_date.len() < MAX_PAGES {
            return;
        }
        self.by_date.retain(|_, page| !page.jobs.is_closed());
        let oldest = self.by_date.iter().min_by_key(|(_, page)| page.last_used).map(|(date, _)| *date);
        if let Some(date) = oldest.filter(|_| self.by_date.len() >= MAX_PAGES) {
            self.by_date.remove(&date);
        }
    }
}

async fn wait<T>(answer: oneshot::Receiver<T>) -> Result<T, CommandError> {
    match timeout(ANSWER_DEADLINE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(ended)) => Err(CommandError::Unanswered(Arc::new(ended))),
        Err(elapsed) => Err(CommandError::Unanswered(Arc::new(elapsed))),
    }
}

#[cfg(test)]
mod tests;
