//! The worker of one page: takes what waits, decides it in turn, appends it together, answers everybody.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use daybook_domain::schedule::{DecisionContext, Rejection, ScheduleEvent};
use daybook_event_log::AppendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::group::{Decided, Decision, decide_group};
use super::page::Page;
use super::{Answer, CommandBatch, Job, Outcome, WorkerContext};
use crate::append::append;
use crate::error::CommandError;

/// Jobs that are taken at once.
const MAX_GROUP: usize = 64;

/// Times that a group is decided because others had changed the page.
const MAX_CONFLICTS: u32 = 8;

/// How long a worker without work keeps its page.
const IDLE: Duration = Duration::from_secs(300);

/// A unit that waits for its answer.
type Asked = (CommandBatch, oneshot::Sender<Answer>);

/// The worker of one page.
pub(super) struct Worker {
    office: Arc<WorkerContext>,
    jobs: mpsc::Receiver<Job>,
    page: Page,
}

impl Worker {
    pub(super) fn new(office: Arc<WorkerContext>, date: NaiveDate, jobs: mpsc::Receiver<Job>) -> Self {
        Self { office, jobs, page: Page::unread(date) }
    }

    /// Works until nobody can ask any more, or nobody has asked for long.
    pub(super) async fn run(mut self) {
        let mut group = Vec::new();
        loop {
            match timeout(IDLE, self.jobs.recv_many(&mut group, MAX_GROUP)).await {
                Ok(0) => return,
                Ok(_) => self.serve(std::mem::take(&mut group)).await,
                // What was sent in the meantime is still received; then the queue reads as ended.
                Err(_elapsed) => self.jobs.close(),
            }
        }
    }

    async fn serve(&mut self, jobs: Vec<Job>) {
        let (mut looks, mut asked) = (Vec::new(), VecDeque::new());
        for job in jobs {
            match job {
                Job::Settle(unit, sender) => asked.push_back((unit, sender)),
                Job::Look(look) => looks.push(look),
            }
        }
        if !looks.is_empty() {
            let caught_up = self.page.catch_up(&*self.office.log).await;
            for look in looks {
                look(caught_up.as_ref().map(|_| &self.page.book).map_err(Clone::clone));
            }
        }
        // Each round answers at least one, so this ends.
        while !asked.is_empty() {
            self.settle_some(&mut asked).await;
        }
    }

    /// Settles the first units, as many as fit into one append.
    async fn settle_some(&mut self, asked: &mut VecDeque<Asked>) {
        match self.decide_and_append(asked).await {
            Ok(decisions) => {
                let covered = asked.drain(..decisions.len()).collect::<Vec<_>>();
                for (decision, (unit, sender)) in decisions.into_iter().zip(covered) {
                    // Who gave up waiting needs no answer.
                    let _ = sender.send(self.settle(decision, unit));
                }
            }
            Err(error) => {
                // Of a failed append nobody knows what became: the page is read anew.
                self.page = Page::unread(self.page.book.date);
                for (_, sender) in asked.drain(..) {
                    let _ = sender.send(Err(error.clone()));
                }
            }
        }
    }

    /// Decides the first units and makes sure that what was decided holds: by an append at the revision it was decided
    /// at, or, where nothing is to be appended, by having read the page after the units had come.
    async fn decide_and_append(&mut self, asked: &VecDeque<Asked>) -> Result<Vec<Decision>, CommandError> {
        let log = Arc::clone(&self.office.log);
        let mut is_fresh = !self.page.is_read;
        if is_fresh {
            self.page.catch_up(&*log).await?;
        }
        for _ in 0..MAX_CONFLICTS {
            let Decided { decisions, batch, keys, .. } = self.decide(asked);
            if batch.is_empty() && is_fresh {
                return Ok(decisions);
            }
            if !batch.is_empty() {
                match append(&*log, &self.page.stream, self.page.expected(), batch, keys).await {
                    Ok(appended) => {
                        self.page.ends_at(appended);
                        return Ok(decisions);
                    }
                    Err(AppendError::RevisionConflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            self.page.catch_up(&*log).await?;
            is_fresh = true;
        }
        Err(CommandError::Contended)
    }

    fn decide(&self, asked: &VecDeque<Asked>) -> Decided {
        let (catalog, hours) = (self.office.catalog.state(), self.office.hours.state());
        let instant = self.office.clock.now();
        let retired = self.office.routing.state().retired.as_ref().map(|retired| retired.model);
        let now = self.office.zone.local(instant);
        let desk = DecisionContext { catalog: &catalog, hours: &hours, now, retired };
        let units = asked.iter().map(|(unit, _)| unit);
        decide_group(&self.page.book, units, &desk, |unit| unit.origin.metadata(instant))
    }

    /// Takes in a decision that holds, and says how it left the booking asked about.
    fn settle(&mut self, decision: Decision, unit: CommandBatch) -> Answer {
        let events = decision?;
        self.page.evolve(&events);
        let booking = match unit.about {
            Some(id) => Some(self.page.book.booking(&id).cloned().ok_or(Rejection::ReservationNotFound(id))?),
            None => None,
        };
        let other_verdict = events.iter().find_map(other_verdict);
        Ok(Outcome { position: self.page.position, booking, nothing_new: events.is_empty(), other_verdict })
    }
}

fn other_verdict(event: &ScheduleEvent) -> Option<Box<str>> {
    if let ScheduleEvent::ReservationRequested(requested) = event {
        requested.other_verdict.clone()
    } else {
        None
    }
}
