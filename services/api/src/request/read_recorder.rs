//! Records, for one request, the view that it was routed to and the question for a shadow read.
//!
//! The middleware reads the record after the response, or after the client has hung up. Recording never delays a response.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use daybook_domain::ReadModel;
use daybook_domain::routing::{RoutedSubject, RoutingReason};
use daybook_projections::Question;

/// The model to which a request was routed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoutedRead {
    pub(crate) model: ReadModel,
    /// A hash of the subject, if the rollout percentage decided.
    pub(crate) by_share: Option<u64>,
}

/// The record of one request.
#[derive(Default)]
pub(crate) struct ReadRecorder {
    routed: Cell<Option<RoutedRead>>,
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
        let by_share = subject.filter(|_| reason == RoutingReason::Percentage).map(|subject| {
            let mut hasher = DefaultHasher::new();
            subject.hash(&mut hasher);
            hasher.finish()
        });
        self.routed.set(Some(RoutedRead { model, by_share }));
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
