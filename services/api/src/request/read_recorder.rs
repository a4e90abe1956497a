//! Records, for one request, the view that it was routed to, how long that took to answer, and the question for a shadow read.
//!
//! The middleware reads the record after the response, or after the client has hung up. Recording never delays a response.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use daybook_domain::routing::{RoutedSubject, RoutingReason};
use daybook_projections::Question;

use crate::lateness;

/// The model to which a request was routed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoutedRead {
    pub(crate) model: ReadModel,
    /// A hash of the subject, if the rollout percentage decided.
    pub(crate) by_share: Option<u64>,
    /// A hash of the subject.
    pub(crate) subject: Option<u64>,
}

/// A moment, and how late the worker was until then.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Instant,
    late: Duration,
}

impl Moment {
    fn now() -> Self {
        Self { at: Instant::now(), late: lateness::total() }
    }
}

/// The record of one request.
#[derive(Default)]
pub(crate) struct ReadRecorder {
    routed: Cell<Option<RoutedRead>>,
    begun: Cell<Option<Moment>>,
    answered: Cell<Option<Moment>>,
    question: RefCell<Option<Question>>,
}

impl fmt::Debug for ReadRecorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The question is left out: it may contain a name that staff searched for.
        formatter.debug_struct("ReadRecorder").field("routed", &self.routed.get()).finish_non_exhaustive()
    }
}

impl ReadRecorder {
    pub(crate) fn record_route(
        &self,
        model: ReadModel,
        reason: RoutingReason,
        subject: Option<&RoutedSubject>,
    ) {
        let subject = subject.map(hash);
        let by_share = subject.filter(|_| reason == RoutingReason::Percentage);
        self.routed.set(Some(RoutedRead { model, by_share, subject }));
        if self.begun.get().is_none() {
            self.begun.set(Some(Moment::now()));
        }
    }

    /// The view has answered: what follows, such as writing to a slow client, is not its time. Only the first call counts.
    pub(crate) fn record_answer(&self) {
        if self.answered.get().is_none() {
            self.answered.set(Some(Moment::now()));
        }
    }

    /// The time from the route, when the whole request had been read, to the answer, or until now if there was none. The time
    /// for which the worker was late is not in it.
    pub(crate) fn duration(&self) -> Duration {
        let now = Moment::now();
        let (begun, answered) = (self.begun.get().unwrap_or(now), self.answered.get().unwrap_or(now));
        let late = answered.late.saturating_sub(begun.late);
        answered.at.saturating_duration_since(begun.at).saturating_sub(late)
    }

    /// Records a question for the other view.
    pub(crate) fn record_question(&self, question: Question) {
        self.question.replace(Some(question));
    }

    /// The model to which the request was routed, if it was.
    pub(crate) fn routed(&self) -> Option<RoutedRead> {
        self.routed.get()
    }

    /// Takes the question for the other view.
    pub(crate) fn take_question(&self) -> Option<Question> {
        self.question.take()
    }
}

/// A hash of an id, which does not tell the id.
pub(crate) fn hash(id: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
