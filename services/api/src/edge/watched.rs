//! What is watched of a request on its way: the model that is to answer it, and what the other one is to be asked.
//!
//! It belongs to one request and is read once that is answered, or given up. It must never hold up the answer.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use daybook_domain::ReadModel;
use daybook_domain::routing::{RoutedSubject, RoutingReason};
use daybook_projections::Question;

/// The model that was chosen for a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoutedRead {
    /// Which.
    pub(crate) model: ReadModel,
    /// A number that stands for the subject whose share decided; none where something else did.
    pub(crate) by_share: Option<u64>,
}

/// What is watched of one request.
#[derive(Default)]
pub(crate) struct WatchedRead {
    chosen: Cell<Option<RoutedRead>>,
    question: RefCell<Option<Question>>,
}

impl fmt::Debug for WatchedRead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A question may hold what staff looked for.
        formatter.debug_struct("Watched").field("chosen", &self.chosen.get()).finish_non_exhaustive()
    }
}

impl WatchedRead {
    /// A model was chosen.
    pub(crate) fn choose(&self, model: ReadModel, because: RoutingReason, subject: Option<&RoutedSubject>) {
        let by_share = subject.filter(|_| because == RoutingReason::Percentage).map(|subject| {
            let mut hasher = DefaultHasher::new();
            subject.hash(&mut hasher);
            hasher.finish()
        });
        self.chosen.set(Some(RoutedRead { model, by_share }));
    }

    /// The other model is to be asked this as well.
    pub(crate) fn ask(&self, question: Question) {
        self.question.replace(Some(question));
    }

    /// The model that was chosen, if one was.
    pub(crate) fn chosen(&self) -> Option<RoutedRead> {
        self.chosen.get()
    }

    /// What the other model is to be asked.
    pub(crate) fn take_question(&self) -> Option<Question> {
        self.question.take()
    }
}
